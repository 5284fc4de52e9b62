/** A relay as a program: until it is killed. DATABASE_URI, AMQP_URI. */
import pg from 'pg';
import { createOutboxRelay } from '../../publisher/index.ts';

const { DATABASE_URI, AMQP_URI = '' } = process.env;
const database = new pg.Pool({ connectionString: DATABASE_URI, application_name: 'relay' });
database.on('error', () => {});
createOutboxRelay({ database, rabbitmq: { uri: AMQP_URI }, batchOrders: 5, timeoutMilliseconds: 2_000 });
