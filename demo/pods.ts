import type { Kubectl, KubeObject } from './kubectl.ts';
import { type Line, parseLine } from './traffic/lines.ts';
import type { Settings } from './traffic/settings.ts';

/** Who a traffic pod is, by the Secret that it takes its connections from. */
type Identity = 'mes' | 'crm' | 'readers' | 'auditor';

export interface TrafficPod {
  readonly name: string;
  readonly command: string;
  readonly identity: Identity;
  readonly settings: Settings;
}

export const TRAFFIC_LABEL = 'order-cache-demo/traffic';

/** Starts and reads the demo's own pods: the product's image with the demo's program from a ConfigMap. */
export class TrafficPods {
  readonly #kubectl: Kubectl;
  readonly #namespace: string;
  readonly #image: string;

  constructor(kubectl: Kubectl, namespace: string, image: string) {
    this.#kubectl = kubectl;
    this.#namespace = namespace;
    this.#image = image;
  }

  async installProgram(source: string): Promise<void> {
    await this.#kubectl.apply([
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'traffic', namespace: this.#namespace },
        data: { 'traffic.js': source, 'package.json': '{"type":"module"}' },
      },
    ]);
  }

  async start(pod: TrafficPod): Promise<void> {
    await this.remove(pod.name);
    await this.#kubectl.apply([this.#manifest(pod)]);
  }

  /** Runs a pod to its end and returns what it printed. */
  async run(pod: TrafficPod, timeoutSeconds: number): Promise<Line[]> {
    await this.start(pod);
    await this.waitForEnd(pod.name, timeoutSeconds);
    const logs = await this.#kubectl.run(['logs', '-n', this.#namespace, pod.name]);
    await this.remove(pod.name);
    return logs.split('\n').flatMap((line) => parseLine(line) ?? []);
  }

  /** Throws with the pod's last words when it failed. */
  async waitForEnd(name: string, timeoutSeconds: number): Promise<void> {
    const phaseOf = () =>
      this.#kubectl.run(['get', 'pod', name, '-n', this.#namespace, '-o', 'jsonpath={.status.phase}']);
    let phase = '';
    await this.#kubectl.until(`pod ${name} ends`, timeoutSeconds, async () => {
      phase = await phaseOf();
      return phase === 'Succeeded' || phase === 'Failed';
    });
    if (phase === 'Succeeded') return;
    const lastWords = await this.#kubectl.run(['logs', '--tail=5', '-n', this.#namespace, name]);
    throw new Error(`pod ${name} failed: ${lastWords}`);
  }

  async remove(name: string): Promise<void> {
    await this.#kubectl.run([
      'delete',
      'pod',
      name,
      '-n',
      this.#namespace,
      '--ignore-not-found',
      '--grace-period=1',
    ]);
  }

  /** Also those that a run before this one has left, whose logs are not of this run. */
  async removeAll(): Promise<void> {
    const ours = ['-n', this.#namespace, '-l', TRAFFIC_LABEL];
    await this.#kubectl.run(['delete', 'pods', ...ours, '--grace-period=1']);
  }

  #manifest({ name, command, identity, settings }: TrafficPod): KubeObject {
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: this.#namespace, labels: { [TRAFFIC_LABEL]: name } },
      spec: {
        restartPolicy: 'Never',
        automountServiceAccountToken: false,
        terminationGracePeriodSeconds: 1,
        securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [
          {
            name: 'traffic',
            image: this.#image,
            imagePullPolicy: 'IfNotPresent',
            command: ['node', '/demo/traffic.js', command],
            env: [{ name: 'TRAFFIC', value: JSON.stringify(settings) }, ...connections(identity)],
            resources: { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '384Mi' } },
            securityContext: {
              allowPrivilegeEscalation: false,
              readOnlyRootFilesystem: true,
              capabilities: { drop: ['ALL'] },
            },
            volumeMounts: [{ name: 'program', mountPath: '/demo', readOnly: true }],
          },
        ],
        volumes: [{ name: 'program', configMap: { name: 'traffic' } }],
      },
    };
  }
}

const keys: Record<string, string> = {
  AMQP_URI: 'amqpUri',
  AMQP_MANAGEMENT_URI: 'managementUri',
  REDIS_URI: 'redisUri',
  DATABASE_URI: 'databaseUri',
};

function connections(identity: Identity) {
  return Object.entries(keys).map(([name, key]) => ({
    name,
    valueFrom: { secretKeyRef: { name: identity, key, optional: true } },
  }));
}
