import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { drawing } from '../../demo/drawing.ts';

const images = join(import.meta.dirname, '../../docs/images');
const recording = readFileSync(join(images, 'demo.txt'), 'utf8');

describe('The recording of the demo', () => {
  it('is drawn in docs/images/demo.svg as it is: `node demo/recording.ts draw` otherwise', () => {
    assert.equal(readFileSync(join(images, 'demo.svg'), 'utf8'), drawing(recording));
  });

  it('has no path of the machine that it ran on', () => {
    assert.deepEqual(
      recording.split('\n').filter((line) => /(^|[\s='"])\/(root|home|work|tmp|Users)\b/.test(line)),
      [],
    );
  });
});

describe('The picture', () => {
  it('needs no script and nothing from elsewhere', () => {
    const picture = drawing(recording).replace('http://www.w3.org/2000/svg', '');
    assert.doesNotMatch(picture, /<script|<foreignObject|https?:|url\((?!#)|@import|@font-face/i);
  });

  it('has each line, escaped, and goes on below with one that is too long', () => {
    const long = `  0:01  ${'a word '.repeat(30)}`.trimEnd();
    const picture = drawing(`   0.0 a < b & c > d\n   1.0 ${long}\n`);
    assert.match(picture, />a &lt; b &amp; c &gt; d<\/text>/);
    assert.equal(picture.match(/<text [^>]*>[^<]*a word[^<]*<\/text>/g)?.length, 2);
  });

  it('leaves out lines that only say that something goes on', () => {
    assert.doesNotMatch(drawing('   0.0 act\n  10.0    0:10  ... the image is built, 10 s\n'), /is built/);
  });
});
