#!/bin/sh
# What a target needs of this machine, looked at before anything is downloaded.
#
#   sh build/prerequisites.sh packages [servers] [cluster] [git]   one line for each that is missing, and exit code 1
#   sh build/prerequisites.sh ways [redis] [postgres] [rabbitmq] [cluster]   where each comes from, or exit code 1
#
# MACHINE names a directory that stands in for / in the tests.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
machine=${MACHINE:-}
PATH="$PATH:$machine/usr/local/sbin:$machine/usr/sbin:$machine/sbin:$machine/usr/local/go/bin"

has() { command -v "$1" >/dev/null 2>&1; }

# --- This machine: the facts that decide.

system() {
  if [ "$(uname -s)" = Darwin ]; then
    echo macOS
  elif [ -r "$machine/etc/os-release" ]; then
    (. "$machine/etc/os-release" && echo "${ID:-Linux} ${VERSION_ID:-}")
  else
    uname -s
  fi
}

wsl() { grep -qi microsoft "$machine/proc/version" 2>/dev/null && echo WSL; }

docker_answers() {
  limit=$(has timeout && echo timeout 10)
  has docker && $limit docker version --format '{{.Server.Version}}' >/dev/null 2>&1 && echo docker
}

# The path of a server's program. Debian keeps two of the three out of PATH, PostgreSQL's by its version.
program() {
  case $1 in
    redis) command -v redis-server ;;
    postgres) command -v postgres || ls -d "$machine"/usr/lib/postgresql/*/bin/postgres 2>/dev/null | sort -V | tail -n 1 ;;
    rabbitmq) ls "$machine/usr/lib/rabbitmq/bin/rabbitmq-server" 2>/dev/null || command -v rabbitmq-server ;;
  esac
}

# --- Decisions: functions of their arguments alone.

# cluster_way CONTEXT DOCKER SYSTEM UID WSL prints context, kind or components, or why there is none.
cluster_way() {
  otherwise='start Docker (kind is used then), or name a cluster of yours: CONTEXT=name'
  if [ -n "$1" ]; then echo context
  elif [ -n "$2" ]; then echo kind
  elif [ "$3" = macOS ]; then refuse "macOS has no Kubernetes without Docker: $otherwise"
  elif [ -n "$5" ]; then refuse "WSL without Docker: the one-node Kubernetes was never run there: $otherwise"
  elif [ "$3" != 'debian 12' ]; then refuse "$3 without Docker: the one-node Kubernetes is made of Debian 12's packages: $otherwise"
  elif [ "$4" != 0 ]; then refuse "not root: the one-node Kubernetes without Docker needs it: run as root, $otherwise"
  else echo components
  fi
}

# server_way NAME PROGRAM DOCKER SYSTEM UID prints process and its program, install or container, or why there is none.
server_way() {
  case $1 in
    redis) package=redis-server otherwise='install redis-server 7 (each test starts, freezes and kills its own)' ;;
    postgres) package=postgresql otherwise='start Docker, or install PostgreSQL, or set TEST_DATABASE_URI' ;;
    rabbitmq) package=rabbitmq-server otherwise='start Docker, or install RabbitMQ, or set TEST_AMQP_URI and TEST_AMQP_MANAGEMENT_URI' ;;
  esac
  if [ "$4" = macOS ]; then refuse "macOS: the tests' servers need Linux: use the dev container (.devcontainer)"
  elif [ -n "$2" ]; then echo "process $2"
  else
    case "$5 $4" in
      '0 debian'* | '0 ubuntu'*) echo "install $package" ;;
      *) if [ -n "$3" ] && [ "$1" != redis ]; then echo container; else refuse "$package is not here: $otherwise"; fi ;;
    esac
  fi
}

refuse() {
  echo "$1" >&2
  return 1
}

# --- What is missing.

found=0
lacks() {
  found=1
  echo "missing: $1" >&2
}

need_packages() {
  nodes='Node 24 from https://nodejs.org brings it; so does apt-get install npm'
  has npm || lacks "npm: installs the packages of package-lock.json: $nodes"
  has node || lacks "node: runs npm: $nodes"
  # Any Node will do for npm where npm then installs a newer one.
  says=$(sh "$root/build/node.sh" --version 2>&1) || case $says in
    *'npm ci installs one') ;;
    *) lacks "$says" ;;
  esac
  has tar || lacks 'tar: unpacks the package in its test: apt-get install tar'
}

need_git() { has git || lacks 'git: lists the files that the mutants copy: apt-get install git'; }

need_servers() {
  has flock || [ "$(system)" = macOS ] || lacks 'flock: one process starts the servers: apt-get install util-linux'
  for name in redis $([ -n "${TEST_DATABASE_URI:-}" ] || echo postgres) $([ -n "${TEST_AMQP_URI:-}" ] || echo rabbitmq); do
    says=$(way "$name" 2>&1) || lacks "$name: $says"
  done
  if [ "$(id -u)" = 0 ] && has apt-get; then return; fi
  has openssl || lacks 'openssl: makes certificates for Redis with TLS: apt-get install openssl'
  [ -n "${TEST_PYTHON:-}" ] || [ -x "$machine/usr/bin/python3" ] ||
    lacks 'python3: runs the second reader: apt-get install python3, or name one in TEST_PYTHON'
}

need_cluster() {
  says=$(way cluster 2>&1) || lacks "Kubernetes: $says"
  # With components, Debian's Go is installed, which fetches a newer one.
  [ "$says" = components ] || has go || { has kubectl && { [ "$says" = context ] || has kind; } && has helm; } ||
    lacks 'go: builds kind, kubectl and helm, which it fetches as modules: https://go.dev/dl/ or apt-get install golang-go'
}

way() {
  case $1 in
    cluster) cluster_way "${CONTEXT:-}" "$(docker_answers)" "$(system)" "$(id -u)" "$(wsl)" ;;
    *) server_way "$1" "$(program "$1")" "$(docker_answers)" "$(system)" "$(id -u)" ;;
  esac
}

case ${1:-} in
  ways) shift && for name; do way "$name" || exit 1; done ;;
  decide) shift && "$@" ;;
  *) for name; do "need_$name"; done && exit $found ;;
esac
