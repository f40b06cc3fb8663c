// For Node, whose clients go by no proxy of the environment: a connection to one of the service's
// names leads to rtcmpu, as one to any other host fails unless it is allowed. NODE_OPTIONS loads it.
'use strict';
const net = require('net');

const service = new RegExp(`^(?:${process.env.RTCMPU_NAMES})$`);
const allowed = new Set((process.env.RTCMPU_ALLOW || '').split(','));
const server = new URL(process.env.RTCMPU_PROXY);
const loopback = /^(?:localhost|.*\.localhost|127\.[\d.]+|\[?::1\]?|0\.0\.0\.0)$/;
const { connect } = net.Socket.prototype;

net.Socket.prototype.connect = function (...args) {
  // net.connect() hands on one array of its own: the options, and what is called when it is connected
  const [first, second] = Array.isArray(args[0]) ? args[0] : args;
  const options = typeof first === 'object' && first !== null
    ? first : { port: first, host: typeof second === 'string' ? second : undefined };
  const host = String(options.host || 'localhost').toLowerCase().replace(/\.$/, '');
  if (options.path || first === undefined || loopback.test(host) || allowed.has(host)) {
    return connect.apply(this, args);
  }
  const then = [...args.flat()].reverse().find((each) => typeof each === 'function');
  if (service.test(host)) {
    const here = { ...options, host: server.hostname, port: Number(server.port), lookup: undefined };
    return connect.call(this, here, then);
  }
  const error = new Error(`rtcmpu: ${host} is not let through, only the service's names are`);
  process.nextTick(() => this.destroy(Object.assign(error, { code: 'ECONNREFUSED' })));
  return this;
};
