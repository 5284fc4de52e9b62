import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { evaluate } from '@marcbachmann/cel-js';
import { Redis } from 'ioredis';
import { parse, parseAllDocuments } from 'yaml';
import { API_VERSION, KIND } from '../../api/names.ts';
import { ensureServers } from '../servers/index.ts';

/**
 * What Argo CD and Flux make of a policy. Argo CD's script runs in Redis, which has the Lua 5.1 that Argo CD has;
 * Flux's expressions run in a CEL interpreter, in the order in which Flux evaluates them.
 */

type Health = 'Healthy' | 'Progressing' | 'Degraded' | 'Suspended';

interface State {
  readonly name: string;
  readonly spec?: object;
  readonly status?: object;
  readonly argo: Health;
  readonly message: RegExp;
  /** Undefined: a state that the API server's defaults do not let happen, but a dry run may show. */
  readonly flux?: 'InProgress' | 'Failed' | 'Current';
}

const condition = (type: string, status: string, reason: string) => ({
  type,
  status,
  reason,
  message: `about ${reason}`,
});

/** Ready, Reconciling and Stalled always come together; other conditions must not matter. */
const summary = (ready: string, reconciling: string, stalled: string, reason: string) => [
  condition('TopologyReady', 'False', 'BrokerUnavailable'),
  condition('Ready', ready, reason),
  condition('Reconciling', reconciling, reason),
  condition('Stalled', stalled, reason),
];

const GENERATION = 3;
const observed = { observedGeneration: GENERATION };

const STATES: readonly State[] = [
  {
    name: 'that was just created',
    status: { observedGeneration: -1, conditions: [condition('Ready', 'Unknown', 'Pending')] },
    argo: 'Progressing',
    message: /not seen this generation/,
    flux: 'InProgress',
  },
  {
    name: 'that is Ready',
    status: { ...observed, conditions: summary('True', 'False', 'False', 'Ready') },
    argo: 'Healthy',
    message: /^Ready: about Ready$/,
    flux: 'Current',
  },
  {
    name: 'that was Ready before its last edit',
    status: { observedGeneration: GENERATION - 1, conditions: summary('True', 'False', 'False', 'Ready') },
    argo: 'Progressing',
    message: /not seen this generation/,
    flux: 'InProgress',
  },
  {
    name: 'whose broker is away',
    status: { ...observed, conditions: summary('False', 'True', 'False', 'BrokerUnavailable') },
    argo: 'Progressing',
    message: /^BrokerUnavailable: /,
    flux: 'InProgress',
  },
  {
    name: 'that a person must mend',
    status: { ...observed, conditions: summary('False', 'False', 'True', 'SecretNotFound') },
    argo: 'Degraded',
    message: /^SecretNotFound: about SecretNotFound$/,
    flux: 'Failed',
  },
  {
    name: 'that is suspended before it was ever Ready',
    spec: { suspend: true },
    status: { ...observed, conditions: summary('False', 'False', 'False', 'Suspended') },
    argo: 'Suspended',
    message: /spec\.suspend is true/,
    flux: 'Current',
  },
  {
    name: 'without a status',
    argo: 'Progressing',
    message: /not seen this generation/,
  },
];

const policyIn = ({ spec = {}, status }: State) => ({
  apiVersion: API_VERSION,
  kind: KIND,
  metadata: { name: 'orders', namespace: 'shop', generation: GENERATION },
  spec,
  ...(status && { status }),
});

const example = (file: string) =>
  readFileSync(join(import.meta.dirname, '../../docs/examples', file), 'utf8');

describe('Argo CD, with docs/examples/argocd-health.yaml,', () => {
  const { data } = parse(example('argocd-health.yaml'));
  const script: string = data['resource.customizations.health.ordercache.io_OrderCachePolicy'];
  let redis: Redis;

  before(async () => {
    const { redisUri } = await ensureServers();
    redis = new Redis(redisUri, { commandTimeout: 10_000, maxRetriesPerRequest: 1 });
  });
  after(() => redis.disconnect());

  for (const state of STATES)
    it(`calls a policy ${state.name} ${state.argo}`, async () => {
      const code = `local function check(obj) ${script} end return cjson.encode(check(cjson.decode(ARGV[1])))`;
      const health = JSON.parse(String(await redis.eval(code, 0, JSON.stringify(policyIn(state)))));
      assert.equal(health.status, state.argo);
      assert.match(health.message, state.message);
    });
});

describe('Flux, with docs/examples/flux-helmrelease.yaml,', () => {
  const objects = parseAllDocuments(example('flux-helmrelease.yaml')).map((document) => document.toJS());
  const { spec } = objects.find(({ kind }) => kind === 'Kustomization');
  const [{ apiVersion, kind, inProgress, failed, current }] = spec.healthCheckExprs;

  it('has expressions for this kind', () => {
    assert.deepEqual([apiVersion, kind], [API_VERSION, KIND]);
  });

  for (const state of STATES.filter(({ flux }) => flux !== undefined))
    it(`calls a policy ${state.name} ${state.flux}`, () => {
      const policy = policyIn(state);
      const holds = (expression: string) => evaluate(expression, asCel(policy)) === true;
      const result = holds(inProgress)
        ? 'InProgress'
        : holds(failed)
          ? 'Failed'
          : holds(current)
            ? 'Current'
            : 'InProgress';
      assert.equal(result, state.flux);
    });
});

/** Whole numbers of a Kubernetes object are integers in CEL, which numbers of JavaScript are not. */
function asCel(policy: object): Record<string, unknown> {
  return JSON.parse(JSON.stringify(policy), (_, value) => (Number.isInteger(value) ? BigInt(value) : value));
}
