import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../cluster/command.ts';
import { type Cluster, ensureCluster, type ServerImages } from '../cluster/index.ts';

const namespace = `e2e-cluster-${process.pid}`;
let cluster: Cluster;
let images: ServerImages;

const kubectl = (args: readonly string[], input = ''): Promise<string> =>
  run(cluster.kubectl, ['--kubeconfig', cluster.kubeconfig, '--namespace', namespace, ...args], {
    input,
    deadlineMs: 90_000,
  });

const apply = (object: object): Promise<string> => kubectl(['apply', '-f', '-'], JSON.stringify(object));

const container = (command: string[]) => ({
  name: 'main',
  image: images.redis,
  imagePullPolicy: 'IfNotPresent',
  command,
  securityContext: {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  },
});

const pod = (name: string, main: object, restartPolicy = 'Always') => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: {
    restartPolicy,
    terminationGracePeriodSeconds: 1,
    securityContext: { runAsNonRoot: true, runAsUser: 999, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [main],
  },
});

const until = (name: string, condition: string): Promise<string> =>
  kubectl(['wait', `pod/${name}`, `--for=${condition}`, '--timeout=60s']);

before(async () => {
  cluster = await ensureCluster();
  images = await cluster.serverImages();
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } });
  const ready = { exec: { command: ['redis-cli', 'ping'] }, periodSeconds: 1 };
  const server = container(['redis-server', '--save', '', '--protected-mode', 'no']);
  await apply(pod('redis', { ...server, readinessProbe: ready }));
  const spec = { selector: { app: 'redis' }, ports: [{ port: 6379 }] };
  await apply({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'redis' }, spec });
});

after(() => kubectl(['delete', 'namespace', namespace, '--wait=false']));

test('a pod under Pod Security restricted becomes Ready, and its logs can be read', async () => {
  await until('redis', 'condition=Ready');
  assert.match(await kubectl(['logs', 'redis']), /Ready to accept connections/);
});

test('a privileged pod is refused in a restricted namespace', async () => {
  const privileged = { ...container(['true']), securityContext: { privileged: true } };
  await assert.rejects(apply(pod('privileged', privileged)), /violates PodSecurity "restricted/);
});

test('a command runs inside a pod', async () => {
  await until('redis', 'condition=Ready');
  assert.equal((await kubectl(['exec', 'redis', '--', 'id', '-u'])).trim(), '999');
});

test('a Service name resolves in another pod, and connects', async () => {
  await until('redis', 'condition=Ready');
  const host = `redis.${namespace}.svc`;
  await apply(pod('client', container(['redis-cli', '-h', host, 'ping']), 'Never'));
  await until('client', 'jsonpath={.status.phase}=Succeeded');
  assert.equal((await kubectl(['logs', 'client'])).trim(), 'PONG');
});

/** Of its cgroup, v1 or v2, as the container sees it: processor time, and how often the limit has stopped it. */
async function usage(name: string): Promise<{ seconds: number; throttled: number }> {
  const script = `cd /sys/fs/cgroup
    if [ -d cpuacct ]; then cat cpuacct/cpuacct.usage; else sed -n 's/usage_usec \\(.*\\)/\\1000/p' cpu.stat; fi
    cat cpu/cpu.stat cpu.stat 2>/dev/null | sed -n 's/nr_throttled //p'`;
  const [nanoseconds, throttled] = (await kubectl(['exec', name, '--', 'sh', '-c', script])).split('\n');
  return { seconds: Number(nanoseconds) / 1e9, throttled: Number(throttled) };
}

test('a CPU limit of 200m holds a busy loop at a fifth of a core', async () => {
  const amounts = { cpu: '200m', memory: '64Mi' };
  const busy = container(['sh', '-c', 'while :; do :; done']);
  await apply(pod('busy', { ...busy, resources: { requests: amounts, limits: amounts } }));
  await until('busy', 'condition=Ready');
  const [begun, before] = [performance.now(), await usage('busy')];
  // A busy machine may leave it less than its limit for long; then nothing stops it.
  for (let now = before; now.throttled - before.throttled < 5; now = await usage('busy')) {
    const seconds = (performance.now() - begun) / 1000;
    assert.ok(seconds < 120, `stopped by its limit ${now.throttled - before.throttled} times in 120 s`);
    await sleep(1_000);
  }
  const used = (await usage('busy')).seconds - before.seconds;
  const cores = (used * 1000) / (performance.now() - begun);
  assert.ok(cores < 0.3, `used ${cores.toFixed(2)} cores, limit 0.2`);
});
