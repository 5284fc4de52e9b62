/** What a tag and the changelog say of the version, which package.json has. Pure. */

/** Throws unless the tag is `v` and the version. */
export function checkTag(tag: string, version: string): void {
  if (tag !== `v${version}`)
    throw new Error(`TAG: expected v${version}, the version in package.json, got ${JSON.stringify(tag)}`);
}

/** The text below `## <title>` of the changelog, up to the next heading of that level. */
function section(changelog: string, title: string): string | undefined {
  const [, ...sections] = changelog.split(/^## /m);
  const found = sections.find((each) => each.startsWith(`${title}\n`));
  return found?.slice(title.length).trim();
}

/** The notes of a release. Throws when the changelog has none for the version. */
export function releaseNotes(changelog: string, version: string): string {
  const notes = section(changelog, version);
  if (notes === undefined || notes === '')
    throw new Error(`CHANGELOG.md: expected text below "## ${version}", got none`);
  return `${notes}\n`;
}

/** Throws when a release would leave out changes that the changelog lists as unreleased. */
export function checkNothingUnreleased(changelog: string, version: string): void {
  const unreleased = section(changelog, 'Unreleased') ?? '';
  if (unreleased !== '')
    throw new Error(
      `CHANGELOG.md: expected nothing below "## Unreleased" when ${version} is tagged, ` +
        `got ${unreleased.split('\n').length} lines: move them below "## ${version}"`,
    );
}
