/** `make generate`: writes every generated file, and removes what is left over from earlier ones. */
import { globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { GENERATED_DIRECTORIES, generatedFiles } from './generated-files.ts';

const root = join(import.meta.dirname, '..');
const files = generatedFiles();

for (const directory of GENERATED_DIRECTORIES) {
  for (const found of globSync(`${directory}/**/*`, { cwd: root, withFileTypes: true })) {
    const path = join(found.parentPath, found.name).slice(root.length + 1);
    if (found.isFile() && !files.has(path)) rmSync(join(root, path));
  }
}
for (const [path, content] of files) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}
console.log(`${files.size} files written: ${[...files.keys()].join(', ')}`);
