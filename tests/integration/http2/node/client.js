// Our cases with @grpc/grpc-js; one line each, "PASS name" or "FAIL name :: what was seen".
'use strict';
const fs = require('fs');
const grpc = require('@grpc/grpc-js');

const [address, secure, roots] = process.argv.slice(2);
const MEGABYTE = 1 << 20;
const MESSAGE = '\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \u{1f608}\t\n';
const raw = (value) => value;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const check = (good, seen) => { if (!good) throw new Error(`seen ${seen}`); };
const limits = { 'grpc.max_receive_message_length': 64 * MEGABYTE, 'grpc.max_send_message_length': 64 * MEGABYTE };

function filled(size) {
  const data = Buffer.alloc(size);
  for (let i = 0; i < size; i++) data[i] = (i * 7) >> 3;
  return data;
}

class Caller {
  constructor(target, credentials, options = {}) {
    this.client = new grpc.Client(target, credentials, { ...limits, ...options });
  }

  // Resolves to the answer, its metadata and its status; never rejects.
  call(method, message, { ms = 20000, metadata = new grpc.Metadata(), started } = {}) {
    return new Promise((done) => {
      const seen = {};
      const options = { deadline: Date.now() + ms };
      const call = this.client.makeUnaryRequest(`/suite.Echo/${method}`, raw, raw, message, metadata, options,
        (error, answer) => { seen.error = error; seen.answer = answer; finish(); });
      const finish = () => { if ('error' in seen && seen.status) done(seen); };
      call.on('metadata', (value) => { seen.header = value; });
      call.on('status', (value) => { seen.status = value; finish(); });
      if (started) started(call);
    });
  }

  async good(method, message, options) {
    const seen = await this.call(method, message, options);
    if (seen.error) throw seen.error;
    return seen;
  }

  async echo(message) {
    const { answer } = await this.good('Echo', message);
    check(answer.equals(message), `${answer.length} bytes`);
  }

  async concurrent() {
    await Promise.all(Array.from({ length: 300 }, (_, i) => {
      const message = filled(20000);
      message[0] = i;
      return this.echo(message);
    }));
  }

  async cancelled() { return Number((await this.good('Cancelled', Buffer.alloc(0))).answer.toString()); }

  async noticed(before) {
    for (let i = 0; i < 200; i++) {
      if ((await this.cancelled()) > before) return;
      await pause(25);
    }
    throw new Error('the server goes on with a call that is over');
  }

  async deadline() {
    const before = await this.cancelled();
    const { status } = await this.call('Sleep', Buffer.from('30000'), { ms: 100 });
    check(status.code === grpc.status.DEADLINE_EXCEEDED, status.code);
    await this.noticed(before);
  }

  async cancel() {
    const before = await this.cancelled();
    const started = (call) => setTimeout(() => call.cancel(), 100);
    const { status } = await this.call('Sleep', Buffer.from('30000'), { started });
    check(status.code === grpc.status.CANCELLED, status.code);
    await this.noticed(before);
  }

  async metadata() {
    const long = 'long value, '.repeat(400).trim();
    const metadata = new grpc.Metadata();
    metadata.add('x-echo-text', 'plain ~!#');
    metadata.add('x-echo-text', 'again');
    metadata.add('x-echo-raw-bin', filled(256));
    metadata.add('x-echo-long', long);
    for (let i = 0; i < 3; i++) {
      const { header, status } = await this.good('Echo', Buffer.from('x'), { metadata });
      for (const part of [header, status.metadata]) {
        check(part.get('x-echo-text').join('|').replace(', ', '|') === 'plain ~!#|again'
          && part.get('x-echo-raw-bin')[0].equals(filled(256)) && part.get('x-echo-long')[0] === long,
        JSON.stringify(part.getMap()));
      }
    }
  }

  async status() {
    const { status } = await this.call('Fail', Buffer.from(`9 ${MESSAGE}`));
    check(status.code === grpc.status.FAILED_PRECONDITION && status.details === MESSAGE, JSON.stringify(status));
  }

  async unimplemented() {
    const { status } = await this.call('None', Buffer.alloc(0));
    check(status.code === grpc.status.UNIMPLEMENTED, status.code);
  }

  async drain() {
    const open = Array.from({ length: 20 }, () => this.good('Sleep', Buffer.from('400')));
    await pause(100);
    await this.good('Drain', Buffer.alloc(0));
    for (let i = 0; i < 60; i++) {
      await this.echo(Buffer.from('after'));
      await pause(10);
    }
    await Promise.all(open);
  }
}

async function report(name, run) {
  try {
    await run();
    console.log(`PASS ${name}`);
  } catch (error) {
    console.log(`FAIL ${name} :: ${String(error).replaceAll('\n', ' ')}`);
  }
}

async function main() {
  const plain = new Caller(address, grpc.credentials.createInsecure());
  const encrypted = new Caller(secure, grpc.credentials.createSsl(fs.readFileSync(roots)), {
    'grpc.ssl_target_name_override': 'models.example',
  });
  const zipping = new Caller(address, grpc.credentials.createInsecure(), {
    'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip,
  });
  const pinging = new Caller(address, grpc.credentials.createInsecure(), {
    'grpc.keepalive_time_ms': 50, 'grpc.keepalive_timeout_ms': 5000, 'grpc.keepalive_permit_without_calls': 1,
  });
  await report('small', () => plain.echo(Buffer.from('hello')));
  await report('empty', () => plain.echo(Buffer.alloc(0)));
  await report('large', () => plain.echo(filled(5 * MEGABYTE)));
  await report('concurrent', () => plain.concurrent());
  await report('deadline', () => plain.deadline());
  await report('cancel', () => plain.cancel());
  await report('metadata', () => plain.metadata());
  await report('status', () => plain.status());
  await report('unimplemented', () => plain.unimplemented());
  await report('gzip', async () => {
    for (const size of [0, 100, 3 * MEGABYTE]) await zipping.echo(filled(size));
  });
  await report('tls', () => encrypted.echo(Buffer.from('hello')));
  await report('tls_large', () => encrypted.echo(filled(5 * MEGABYTE)));
  await report('tls_concurrent', () => encrypted.concurrent());
  await report('keepalive', () => pinging.good('Sleep', Buffer.from('400')));
  await report('drain', () => plain.drain());
  process.exit(0);
}

main();
