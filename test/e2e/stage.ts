import type { Scope } from '../servers/scope.ts';
import { BrokerByHand } from './broker.ts';
import { PolicyOnCluster } from './policy.ts';
import { openScene, type Scene } from './scene.ts';
import { Shop } from './shop.ts';

/** The scene, and who acts on it: a policy that is yet to be applied, a shop, and somebody at the broker. */
export interface Stage {
  readonly scene: Scene;
  readonly policy: PolicyOnCluster;
  readonly shop: Shop;
  readonly broker: BrokerByHand;
}

/** At the end the policy is deleted. */
export async function setStage(scope: Scope): Promise<Stage> {
  const scene = await openScene();
  const policy = new PolicyOnCluster(scene.kubectl);
  const shop = new Shop(scene.connections);
  scope.after(async () => {
    await shop.close();
    await policy.delete();
  });
  return { scene, policy, shop, broker: new BrokerByHand(scene.connections) };
}
