export interface PageProps {
  /** What the page is of: the second part of the address. */
  readonly id: string | undefined;
}
