import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kubectl } from './kubectl.ts';

interface PodList {
  items: {
    metadata: { name: string };
    status: { containerStatuses?: { containerID?: string; state: { waiting?: unknown } }[] };
  }[];
}

/**
 * Follows the logs of every container that ever runs under a label, from its first line: also of pods that come with
 * a scale-out, of containers that were restarted, and of pods that are killed, up to what they wrote last.
 */
export class LogFollower {
  readonly #kubectl: Kubectl;
  readonly #namespace: string;
  readonly #selector: string;
  readonly #onLine: (line: string, pod: string) => void;
  readonly #followed = new Map<string, ChildProcess>();
  #stopped = false;
  #loop: Promise<void>;

  constructor(
    kubectl: Kubectl,
    namespace: string,
    selector: string,
    onLine: (line: string, pod: string) => void,
  ) {
    this.#kubectl = kubectl;
    this.#namespace = namespace;
    this.#selector = selector;
    this.#onLine = onLine;
    this.#loop = this.#lookForContainers();
  }

  /** Stops looking for new containers and ends what is still followed. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#loop;
    for (const child of this.#followed.values()) child.kill();
  }

  async #lookForContainers(): Promise<void> {
    while (!this.#stopped) {
      const pods = await this.#pods().catch(() => []);
      for (const pod of pods) this.#followContainers(pod);
      await sleep(700);
    }
  }

  async #pods(): Promise<PodList['items']> {
    return (await this.#kubectl.json<PodList>(['get', 'pods', '-n', this.#namespace, '-l', this.#selector]))
      .items;
  }

  #followContainers(pod: PodList['items'][number]): void {
    for (const { containerID, state } of pod.status.containerStatuses ?? []) {
      if (containerID === undefined || state.waiting !== undefined || this.#followed.has(containerID))
        continue;
      const { name } = pod.metadata;
      const child = this.#kubectl.follow(['logs', '-f', '-n', this.#namespace, name], (line) =>
        this.#onLine(line, name),
      );
      this.#followed.set(containerID, child);
    }
  }
}
