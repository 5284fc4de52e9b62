import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { type OrderCachePolicySpecInput, policySpec } from '../../api/policy-spec.ts';
import { inputCheck } from '../../cdk8s/input-check.ts';
import { packageVersion } from '../../cdk8s/manifests.ts';
import { imageValues } from '../../cdk8s/values.ts';
import type { KubeObject } from '../../demo/kubectl.ts';
import { quickstartFiles } from '../../demo/quickstart/generated-files.ts';
import { publicServerImages } from '../cluster/cluster-kind.ts';

/** quickstart/ as it is checked in. test/pages/quickstart.test.ts applies it. */

const directory = join(import.meta.dirname, '../../quickstart');
const read = (path: string) => readFileSync(join(directory, path), 'utf8');

interface Kustomization {
  readonly resources: readonly string[];
  readonly images: readonly { name: string; newTag: string }[];
}
interface PodSpec {
  readonly securityContext: { runAsNonRoot: boolean; seccompProfile: unknown };
  readonly containers: readonly { image: string; securityContext: unknown; resources: { limits: unknown } }[];
}

const kustomization: Kustomization = parse(read('kustomization.yaml'));
const objects = kustomization.resources.flatMap((file) =>
  parseAllDocuments(read(file)).map((document) => document.toJS() as KubeObject),
);
const policy: KubeObject & { spec: OrderCachePolicySpecInput } = parse(read('policy.yaml'));
const kinds = (kind: string) => objects.filter((object) => object.kind === kind);
const pods = [...kinds('Deployment'), ...kinds('Job')].map(({ metadata, spec }) => ({
  name: metadata.name,
  spec: (spec as { template: { spec: PodSpec } }).template.spec,
}));

describe('quickstart/', () => {
  for (const [path, content] of quickstartFiles()) {
    it(`${path} is what its sources say (else: make generate)`, () => {
      assert.equal(readFileSync(join(directory, '..', path), 'utf8'), content);
    });
  }

  it('applies no object of a kind that the same call defines, which kubectl refuses', () => {
    assert.deepEqual(kinds(policy.kind), []);
    assert.deepEqual(inputCheck(policySpec)(policy.spec), []);
  });

  it('names the images of this version and of the demo', () => {
    const expected = Object.values(publicServerImages).map((reference) => {
      const { repository, tag } = imageValues(reference);
      return { name: repository, newTag: tag };
    });
    assert.deepEqual(kustomization.images, [
      { name: 'order-cache-operator', newTag: packageVersion() },
      ...expected,
    ]);
    const names = kustomization.images.map(({ name }) => name);
    const used = pods.flatMap(({ spec }) =>
      spec.containers.map(({ image }) => imageValues(image).repository),
    );
    assert.deepEqual([...new Set(used)].sort(), names.sort());
  });

  it('has pods that Pod Security restricted admits, each with a limit of memory', () => {
    assert.equal(pods.length, 7);
    for (const { name, spec } of pods) {
      assert.equal(spec.securityContext.runAsNonRoot, true, name);
      assert.deepEqual(spec.securityContext.seccompProfile, { type: 'RuntimeDefault' }, name);
      for (const container of spec.containers) {
        assert.ok(container.resources.limits, name);
        assert.deepEqual(
          container.securityContext,
          {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          name,
        );
      }
    }
  });

  it('can be reached from inside of the cluster only', () => {
    assert.ok(kinds('Service').length > 0);
    for (const { spec } of kinds('Service'))
      assert.equal((spec as { type?: string }).type ?? 'ClusterIP', 'ClusterIP');
  });

  it('has each Secret that the policy names, and lets the operator read it', () => {
    const { rabbitmq, redis, database, outbox } = policy.spec;
    const references = [
      rabbitmq.connectionSecretRef,
      rabbitmq.managementSecretRef,
      redis.connectionSecretRef,
    ];
    const more = [database?.connectionSecretRef, outbox?.databaseSecretRef, outbox?.rabbitmqSecretRef];
    const named = [...references, ...more].map((reference) => reference?.name ?? '');
    const there = new Set(kinds('Secret').map(({ metadata }) => metadata.name));
    const rules = kinds('Role').flatMap(
      (role) => role.rules as { resources: string[]; resourceNames?: string[] }[],
    );
    const readable = rules.find(({ resources }) => resources.includes('secrets'))?.resourceNames;
    assert.deepEqual(named.sort(), [...(readable ?? [])].sort());
    assert.deepEqual(
      named.filter((name) => !there.has(name)),
      [],
    );
  });
});

interface Request {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly authorization: string | undefined;
  readonly body: string;
}

/** An API server that does not serve the kind at first. */
async function apiServer(t: TestContext, notFound: number): Promise<{ uri: string; requests: Request[] }> {
  const requests: Request[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    requests.push({
      method: request.method,
      url: request.url,
      authorization: request.headers.authorization,
      body,
    });
    response.writeHead(requests.length > notFound ? 201 : 404).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  return { uri: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`, requests };
}

describe('the Job of quickstart/', () => {
  it('applies the policy once its kind is served', { timeout: 60_000 }, async (t) => {
    const { uri, requests } = await apiServer(t, 1);
    const account = mkdtempSync(join(tmpdir(), 'order-cache-account-'));
    t.after(() => rmSync(account, { recursive: true }));
    writeFileSync(join(account, 'token'), 'secret');
    writeFileSync(join(account, 'namespace'), policy.metadata.namespace ?? '');
    const env = { ...process.env, API_SERVER: uri, SERVICE_ACCOUNT: account };
    const args = [
      join(directory, 'programs/apply-policy.mjs'),
      join(directory, 'policy.yaml'),
      new URL(uri).host,
    ];
    const child = spawn(process.execPath, args, { env, stdio: 'ignore', timeout: 50_000 });
    const [code] = await once(child, 'exit');
    assert.equal(code, 0);
    const { namespace, name } = policy.metadata;
    const path = `/apis/${policy.apiVersion}/namespaces/${namespace}/ordercachepolicies/${name}`;
    const expected = {
      method: 'PATCH',
      url: `${path}?fieldManager=quickstart&force=true`,
      authorization: 'Bearer secret',
      body: read('policy.yaml'),
    };
    assert.deepEqual(requests, [expected, expected]);
  });
});
