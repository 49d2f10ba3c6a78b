#!/bin/sh
# Makes the bundled agent (`npm run bundle:agent`) a service of a Linux machine with systemd, or takes it away again.
# Safe to repeat: what is there already is replaced only where it differs, and the agent is restarted only then.
#
#   install_agent.sh --bundle kanade-agent.mjs --credentials agent.env
#   install_agent.sh --uninstall [--purge]
#
# The credentials are lines such as KANADE_NATS_URL=nats://broker:4222: any setting of the agent, one a line.
# --root DIR puts everything below DIR and starts nothing; --node PATH says which Node runs it (20.12 or newer).
# --uninstall keeps credentials, ledger and unsent results; --purge removes them, too.
set -eu

SERVICE=kanade-agent.service

fail() {
  echo "install_agent.sh: $*" >&2
  exit 2
}

root='' bundle='' credentials='' node='' action=install purge=no
while [ $# -gt 0 ]; do
  case $1 in
  --root | --bundle | --credentials | --node)
    [ -n "${2-}" ] || fail "$1 needs a value"
    case $1 in
    --root) root=${2%/} ;;
    --bundle) bundle=$2 ;;
    --credentials) credentials=$2 ;;
    --node) node=$2 ;;
    esac
    shift 2
    ;;
  --uninstall) action=uninstall && shift ;;
  --purge) purge=yes && shift ;;
  --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "$0" && exit 0 ;;
  *) fail "there is no option $1" ;;
  esac
done

library=$root/usr/local/lib/kanade
settings=$root/etc/kanade
memory=$root/var/lib/kanade
unit=$root/etc/systemd/system/$SERVICE

# Below another root there is no systemd to talk to.
systemd() {
  [ -n "$root" ] || systemctl "$@"
}

# Standard input becomes a file of this mode, at once and whole. Notes whether that changes anything.
put() {
  path=$1 mode=$2
  temp=$(mktemp "$path.XXXXXX")
  cat >"$temp"
  chmod "$mode" "$temp"
  if cmp -s "$temp" "$path" && [ "$(stat -c %a "$path")" = "$mode" ]; then
    rm -f "$temp"
  else
    mv -f "$temp" "$path"
    changed=yes
  fi
}

# A directory that is there is closed, too, whatever its mode was.
directory() {
  mkdir -p "$1"
  chmod "$2" "$1"
}

check_node() {
  [ -n "$node" ] || node=$(command -v node) || fail "there is no node; name it with --node"
  case $node in
  /*) ;;
  *) fail "--node must be an absolute path, not $node" ;;
  esac
  "$node" -e 'const [a, b] = process.versions.node.split(".").map(Number);
    process.exit(a > 20 || (a === 20 && b >= 12) ? 0 : 1)' ||
    fail "$node is older than 20.12, or cannot be run"
}

check_files() {
  [ -f "$bundle" ] || fail "--bundle must name the bundled agent; $bundle is no file"
  [ -f "$credentials" ] || fail "--credentials must name a file; $credentials is none"
  # No message repeats a line: it may be a password.
  if grep -Evq '^(KANADE_[A-Z_]+=.*|#.*|[[:space:]]*)$' "$credentials"; then
    fail "$credentials must hold lines such as KANADE_NATS_URL=nats://broker:4222, and nothing else"
  fi
  grep -q '^KANADE_NATS_URL=.' "$credentials" || fail "$credentials does not say KANADE_NATS_URL"
}

# Who cannot be told that the agent lives would restart it for ever.
print_watchdog() {
  command -v systemd-notify >/dev/null || return 0
  cat <<WATCHDOG
# The agent tells systemd that it is alive by systemd-notify, a child of its own.
WatchdogSec=180
NotifyAccess=all
WATCHDOG
}

print_unit() {
  cat <<UNIT
[Unit]
Description=kanade agent: runs the scripts that this machine is sent, at most once each
Wants=network-online.target
After=network-online.target
# It keeps trying by itself; a machine that cannot start it now may be able to later.
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=$node /usr/local/lib/kanade/kanade-agent.mjs
EnvironmentFile=/etc/kanade/agent.env
Environment=KANADE_AGENT_DATA_DIR=/var/lib/kanade NODE_ENV=production
StateDirectory=kanade
StateDirectoryMode=0700
WorkingDirectory=/var/lib/kanade

Restart=always
RestartSec=5
$(print_watchdog)
# It ends its scripts itself: SIGTERM is for the agent alone. 20 s for scripts, 15 s to end and report them, 5 s to send.
KillMode=mixed
TimeoutStopSec=60
# A script that eats all memory must not take the agent with it.
OOMPolicy=continue

# Jobs administer this machine, so its files stay writable. No script gains rights by a setuid program: run_as goes
# from root to a user, never back.
NoNewPrivileges=yes
PrivateTmp=yes
RestrictRealtime=yes
LockPersonality=yes
LimitNOFILE=8192

[Install]
WantedBy=multi-user.target
UNIT
}

install_agent() {
  check_node
  check_files
  changed=no
  directory "$library" 755
  directory "$settings" 700
  directory "$(dirname "$unit")" 755
  put "$library/kanade-agent.mjs" 644 <"$bundle"
  put "$settings/agent.env" 600 <"$credentials"
  put "$unit" 644 <<UNIT
$(print_unit)
UNIT
  systemd daemon-reload
  systemd enable --quiet "$SERVICE"
  if [ $changed = yes ]; then
    systemd restart "$SERVICE"
    echo "the agent is installed: $unit"
  else
    systemd start "$SERVICE"
    echo "nothing has changed: $unit"
  fi
}

uninstall_agent() {
  if [ -e "$unit" ]; then
    systemd disable --now --quiet "$SERVICE"
    rm -f "$unit"
    systemd daemon-reload
  fi
  rm -rf "$library"
  [ $purge = no ] || rm -rf "$settings" "$memory"
  if [ -e "$settings" ] || [ -e "$memory" ]; then
    echo "the agent is removed; --purge removes $settings and $memory, too"
  else
    echo "the agent is removed"
  fi
}

[ -n "$root" ] || [ "$(id -u)" = 0 ] || fail "only root can do that"
[ -n "$root" ] || command -v systemctl >/dev/null || fail "there is no systemd here"
case $action in
install) install_agent ;;
uninstall) uninstall_agent ;;
esac
