import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stringify } from 'yaml';
import { CHART, Helm } from './helm.ts';

/** The chart as a dependency of another one, as a platform team bundles it. */

let helm: Helm;
let parent: string;

before(async () => {
  helm = await Helm.open();
  parent = join(helm.directory, 'platform');
  mkdirSync(parent);
  const dependency = {
    name: 'order-cache-operator',
    version: '*',
    repository: `file://${CHART}`,
    condition: 'order-cache-operator.enabled',
  };
  const chart = { apiVersion: 'v2', name: 'platform', version: '1.0.0', dependencies: [dependency] };
  writeFileSync(join(parent, 'Chart.yaml'), stringify(chart));
  const { status, stderr } = helm.run(['dependency', 'update', parent]);
  assert.equal(status, 0, stderr);
});

after(() => helm.close());

const imageOf = (values: object): string => {
  const deployment = helm
    .render(values, { chart: parent, release: 'platform' })
    .find(({ kind }) => kind === 'Deployment');
  const { spec } = deployment as unknown as {
    spec: { template: { spec: { containers: { image: string }[] } } };
  };
  return spec.template.spec.containers[0]?.image ?? '';
};

const GLOBAL = { imageRegistry: 'registry.example.com', imagePullSecrets: ['pull'], storageClass: 'fast' };

describe('the chart as a dependency', () => {
  it('is installed when the condition says so', () => {
    const values = { 'order-cache-operator': { enabled: true } };
    const names = helm
      .render(values, { chart: parent, release: 'platform' })
      .filter(({ kind }) => kind === 'Deployment')
      .map(({ metadata }) => metadata.name);
    assert.deepEqual(names, ['platform-order-cache-operator']);
  });

  it('is left out when the condition says so', () => {
    const values = { 'order-cache-operator': { enabled: false } };
    assert.deepEqual(helm.render(values, { chart: parent, release: 'platform' }), []);
  });

  it('takes registry and pull secrets from the global values, and any other of them', () => {
    assert.equal(imageOf({ global: GLOBAL }), 'registry.example.com/order-cache-operator:0.1.0');
  });

  for (const enabled of [true, false])
    it(`passes helm lint with enabled: ${enabled}`, () => {
      const { status, stdout } = helm.lint({ global: GLOBAL, 'order-cache-operator': { enabled } }, parent);
      assert.equal(status, 0, stdout);
    });

  it('is refused with a value that it does not have', () => {
    const { status, stderr } = helm.template({ 'order-cache-operator': { replica: 1 } }, { chart: parent });
    assert.notEqual(status, 0);
    assert.match(stderr, /order-cache-operator.*replica/s);
  });
});
