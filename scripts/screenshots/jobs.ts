/** What the company runs. */

const SECOND = { shell: "sh", timeout: "30s" } as const;

export const JOBS = [
  {
    id: "clean-temp",
    version: "3",
    description: "removes what nobody needs from the temporary folders",
    tags: ["upkeep"],
    execute: {
      ...SECOND,
      script: `set -eu
before=$(df --output=avail -k / | tail -1)
find /tmp /var/tmp -xdev -type f -mtime +7 -delete
after=$(df --output=avail -k / | tail -1)
echo "freed $(( (after - before) / 1024 )) MB"
`,
    },
  },
  {
    id: "patch-check",
    version: "12",
    description: "asks for updates that are not installed",
    tags: ["security"],
    execute: {
      ...SECOND,
      timeout: "10m",
      script: `set -eu
apt-get update -qq
apt list --upgradable 2>/dev/null | tail -n +2
`,
    },
  },
  {
    id: "restart-spooler",
    version: "1",
    description: "restarts the print spooler where it hangs",
    execute: { ...SECOND, script: "systemctl restart cups\n" },
  },
  {
    id: "update-till",
    version: "2.41",
    description: "installs the till software and starts it again",
    tags: ["tills"],
    execute: {
      ...SECOND,
      timeout: "15m",
      script: `set -eu
till-update --version 2.41 --verify
systemctl restart till
till-selftest
`,
    },
  },
  {
    id: "inventory-basics",
    version: "5",
    description: "what the machine is made of",
    execute: { ...SECOND, script: "lshw -json\n" },
    inventory: {
      display: [
        { field: "model", label: "Model" },
        { field: "cpu", label: "Processor" },
        { field: "memory_bytes", label: "Memory", type: "bytes" },
        { field: "disk_free_bytes", label: "Disk free", type: "bytes" },
        { field: "booted_at", label: "Booted", type: "timestamp" },
      ],
    },
  },
];
