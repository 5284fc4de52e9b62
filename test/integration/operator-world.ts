import type { Scope } from '../servers/scope.ts';
import { type QuietOutside, quietOutside } from './operator-outside.ts';
import {
  applySecrets,
  condition,
  eventually,
  existing,
  type Json,
  openScene,
  path,
  policy,
  policyPath,
  type Scene,
  SECRETS,
} from './operator-scene.ts';

/** A scene with the Secrets that policies refer to, and its policies by their names. */
export interface OperatorWorld {
  readonly scene: Scene;
  /** The path of a policy. */
  readonly at: (name: string) => string;
  /** Makes or changes a policy that is `policy()` but for these fields of its spec. */
  readonly apply: (name: string, spec?: object) => Promise<Json>;
  /** The same, and waits until it is Ready. */
  readonly readyPolicy: (name: string, spec?: object) => Promise<Json>;
  /** Waits until the policy's Ready condition has this reason, 30 s unless told. */
  readonly readyWith: (name: string, reason: string, seconds?: number) => Promise<Json>;
  /** The notes of the events about a policy, by reason. */
  readonly notes: (policyName: string, reason: string) => Promise<string[]>;
}

export async function operatorWorld(scope: Scope, secrets = SECRETS): Promise<OperatorWorld> {
  const scene = await openScene();
  scope.after(async () => scene[Symbol.asyncDispose]());
  await applySecrets(scene, secrets);
  const at = (name: string) => policyPath(scene.namespace, name);
  const apply: OperatorWorld['apply'] = (name, spec = {}) =>
    scene.apply(at(name), policy(scene.namespace, name, spec));
  return {
    scene,
    at,
    apply,
    readyPolicy: async (name, spec) => {
      await apply(name, spec);
      return readyWith(scene, name, 'Ready');
    },
    readyWith: (name, reason, seconds) => readyWith(scene, name, reason, seconds),
    notes: (policyName, reason) => notes(scene, policyName, reason),
  };
}

/** An operator at work in its world, beside a broker and a Redis that the test speaks for. */
export async function operatorAtWork(
  scope: Scope,
): Promise<OperatorWorld & { readonly outside: QuietOutside }> {
  const world = await operatorWorld(scope);
  const outside = quietOutside();
  await world.scene.operator({ outside: () => outside });
  return { ...world, outside };
}

async function readyWith(scene: Scene, name: string, reason: string, seconds = 30): Promise<Json> {
  return eventually(
    `${name} has Ready with reason ${reason}`,
    async () => {
      const object = await existing(scene, policyPath(scene.namespace, name));
      const ready = condition(object, 'Ready');
      const isCurrent = ready?.observedGeneration === object.metadata.generation;
      if (ready?.reason !== reason || !isCurrent) throw new Error(JSON.stringify(ready));
      return object;
    },
    seconds,
  );
}

async function notes(scene: Scene, policyName: string, reason: string): Promise<string[]> {
  const { items } = (await existing(scene, path(scene.namespace, 'events', ''))) as unknown as {
    items: { reason: string; note: string; regarding: { name: string } }[];
  };
  return items
    .filter((one) => one.reason === reason && one.regarding.name === policyName)
    .map(({ note }) => note);
}
