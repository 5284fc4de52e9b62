import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { agreedRow, compareVersions, normalizeVersion } from '../../cache/record.ts';

const wholeNumber = fc.bigInt({ min: -(10n ** 60n), max: 10n ** 60n });

test('versions of any length compare as the numbers they are', () => {
  fc.assert(
    fc.property(wholeNumber, wholeNumber, (a, b) => {
      const expected = a < b ? -1 : a > b ? 1 : 0;
      assert.equal(compareVersions(String(a), String(b)), expected);
    }),
  );
});

test('versions that a float cannot tell apart are told apart', () => {
  assert.equal(compareVersions('9007199254740993', '9007199254740992'), 1);
  assert.equal(compareVersions('9', '10'), -1);
  assert.equal(compareVersions('-9', '-10'), 1);
  assert.equal(compareVersions('-1', '0'), -1);
});

test('a version has one canonical form, whatever zeros it is written with', () => {
  fc.assert(
    fc.property(wholeNumber, fc.nat(20), (number, zeros) => {
      const digits = String(number < 0n ? -number : number);
      const written = `${number < 0n ? '-' : ''}${'0'.repeat(zeros)}${digits}`;
      assert.equal(normalizeVersion(written), String(number));
    }),
  );
  assert.equal(normalizeVersion('-000'), '0');
});

for (const text of ['', '-', '1.5', '1e3', ' 1', '+1', '0x10', '1\n', 'NaN', '١']) {
  test(`${JSON.stringify(text)} is no version`, () => {
    assert.equal(normalizeVersion(text), null);
  });
}

test('events agree when every one has the same version and status', () => {
  const shipped = { status: 'SHIPPED', version: '7' };
  assert.deepEqual(agreedRow([shipped]), shipped);
  assert.deepEqual(agreedRow([shipped, { ...shipped }]), shipped);
  assert.equal(agreedRow([shipped, { status: 'SHIPPED', version: '8' }]), null);
  assert.equal(agreedRow([shipped, { status: 'NEW', version: '7' }]), null);
  assert.equal(agreedRow([shipped, { status: 'SHIPPED', version: null }]), null);
  assert.equal(agreedRow([{ status: 'SHIPPED', version: null }]), null);
  assert.equal(agreedRow([]), null);
});
