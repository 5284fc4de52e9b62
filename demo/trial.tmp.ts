import { readFileSync } from 'node:fs';
import { connect } from 'amqplib';

const items = JSON.parse(readFileSync('/tmp/trial/m.json', 'utf8')).items;
const ip = process.argv[2];
const sec = (n, k) =>
  items
    .find((o) => o.kind === 'Secret' && o.metadata.name === n)
    .stringData[k].replace('rabbitmq.shop-servers-trial.svc', ip);
const q = 'ordercache.shop-servers-trial.orders';
if (process.argv[3] === 'put') {
  const m = await connect(sec('mes', 'amqpUri'));
  const mc = await m.createConfirmChannel();
  for (let i = 0; i < 100; i++) mc.publish('mes', 'a', Buffer.from('x'), { persistent: true });
  await mc.waitForConfirms();
  await m.close();
}
const w = await connect(sec('rabbitmq', 'uri'));
const c = await w.createChannel();
console.log(await c.checkQueue(q));
await w.close();
