import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONDITION_TYPES } from '../../api/conditions.ts';
import type { OrderCachePolicy, OrderCachePolicySpec } from '../../api/policy.ts';
import { Memories, type Memory } from '../../operator/memory.ts';
import type { Situation } from '../../operator/situation.ts';
import { keepStatements, standingStatements } from '../../operator/statements.ts';
import { policyWith } from './operator-policy.ts';

const INSTALLATION = {
  image: 'image',
  imagePullPolicy: undefined,
  imagePullSecrets: [],
  serviceAccountAnnotations: {},
  logLevel: 'info',
  fixedUserId: true,
};
const ALL = ['CacheReady', 'MaintenanceReady', 'TopologyReady', 'WorkersReady'];
const LOOKED = { topology: {}, ttl: {}, applied: 'Everything' } as unknown as Situation;
const NOT_LOOKED = { topology: undefined, ttl: undefined, applied: 'Nothing' } as unknown as Situation;

const statusAt = (observedGeneration: number, status: 'True' | 'False' = 'True') => ({
  conditions: CONDITION_TYPES.map((type) => ({
    type,
    status,
    reason: 'Ready',
    message: `at ${observedGeneration}`,
    observedGeneration,
    lastTransitionTime: '2026-01-01T00:00:00Z',
  })),
});
const at = (generation: number, spec: Partial<OrderCachePolicySpec> = {}, said = generation) =>
  policyWith({ spec, metadata: { generation }, status: statusAt(said) });
const fresh = () => new Memories().of('uid');
const standing = (policy: OrderCachePolicy, memory: Memory) =>
  [...standingStatements(INSTALLATION, { policy, memory }).keys()].sort();

/** What a process remembers that has looked at the policy as it is by default. */
function looked(): Memory {
  const memory = fresh();
  standing(policyWith({ metadata: { generation: 3 } }), memory);
  keepStatements(INSTALLATION, { policy: at(3), memory }, LOOKED, statusAt(3));
  return memory;
}

const { rabbitmq, ttl, workers, maintenance, redis, scaling } = policyWith().spec;
const edits: readonly [string, Partial<OrderCachePolicySpec>, readonly string[]][] = [
  ['suspend', { suspend: true }, []],
  ['the number of workers', { scaling: { ...scaling, maxReplicas: 77 } }, []],
  ['a binding', { rabbitmq: { ...rabbitmq, bindings: [] } }, ['TopologyReady']],
  ['a TTL', { ttl: { ...ttl, defaultSeconds: 1 } }, ['CacheReady']],
  [
    'where workers may run',
    { workers: { ...workers, nodeSelector: { disk: 'ssd' } } },
    ['MaintenanceReady', 'WorkersReady'],
  ],
  [
    'the resources of the maintenance pod',
    { maintenance: { ...maintenance, resources: workers.resources } },
    ['MaintenanceReady'],
  ],
  [
    'the Secret of Redis',
    { redis: { ...redis, connectionSecretRef: { name: 'other' } } },
    ['CacheReady', 'MaintenanceReady', 'WorkersReady'],
  ],
];
for (const [what, edit, about] of edits) {
  test(`an edit of ${what} leaves standing what was not said about it, and its revert all of it`, () => {
    const memory = looked();
    const expected = ALL.filter((type) => !about.includes(type));
    const edited = at(4, { ...edit, suspend: true }, 3);
    assert.deepEqual(standing(edited, memory), expected);
    keepStatements(INSTALLATION, { policy: edited, memory }, NOT_LOOKED, statusAt(4, 'False'));
    assert.deepEqual(standing(edited, memory), expected, 'nobody has looked');
    const reverted = standingStatements(INSTALLATION, { policy: at(5, {}, 4), memory });
    assert.deepEqual([...reverted.keys()].sort(), ALL);
    assert.ok([...reverted.values()].every(({ status }) => status === 'True'));
  });
}

test('a new process takes from the status what is true of this generation, and nothing else', () => {
  assert.deepEqual(standing(at(4, { suspend: true }), fresh()), ALL);
  assert.deepEqual(standing(at(4, { suspend: true }, 3), fresh()), [], 'it does not know what was edited');
  const untrue = policyWith({ metadata: { generation: 4 }, status: statusAt(4, 'False') });
  assert.deepEqual(standing(untrue, fresh()), []);
});

test('what a new process has taken from the status stands through later edits of other parts', () => {
  const memory = fresh();
  standing(at(4, { suspend: true }), memory);
  const scaled = at(5, { suspend: true, scaling: { ...scaling, replicas: 7 } }, 4);
  assert.deepEqual(standing(scaled, memory), ALL);
});
