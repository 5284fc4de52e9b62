/** Where releases are published. Nothing is published yet: the owner of the public repository is not known. */

export const NAME = 'order-cache-operator';
const REGISTRY = 'ghcr.io';

/** What dry runs name: no account of anybody who publishes this. */
export const PLACEHOLDER_OWNER = 'owner';

export interface Places {
  /** Repository of the image. */
  readonly image: string;
  /** What `helm push` is given; the chart's repository is below it, so that its tags are not the image's. */
  readonly charts: string;
}

/** Registries take lower case only; names of accounts on GitHub may have capitals. */
export function placesOf(owner: string): Places {
  const account = `${REGISTRY}/${owner.toLowerCase()}`;
  return { image: `${account}/${NAME}`, charts: `oci://${account}/charts` };
}

/** The files of a release, beside the npm packages, which are `npm-<name>-<version>.tgz`. */
export const fileNames = (version: string) => ({
  chart: `chart-${NAME}-${version}.tgz`,
  install: 'install.yaml',
  sbom: 'image.cdx.json',
  notes: 'release-notes.md',
  checksums: 'SHA256SUMS',
  /** Only where the image is built, not where a registry has it already. */
  image: `image-${NAME}-${version}.tar`,
});
