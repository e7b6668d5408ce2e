// A client made the way that programs are copied from manuals: the CA's certificate, the contracts, nothing else.
// No deadlines, gRPC's own limits (4 MiB for a received message), streams that are ended by cancelling.
const fs = require('fs');
const path = require('path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const protobuf = require(require.resolve('protobufjs', { paths: [require.resolve('@grpc/proto-loader')] }));

const PROTO = path.join(__dirname, '../../../../proto');
const LEGACY = { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true };
// How a program loads the contracts. With the legacy options enumerations come as names, else as numbers.
const STYLES = {
  plain: { options: { keepCase: true, defaults: true } },
  legacy: { options: LEGACY },
  old_paths: { options: LEGACY, oldPaths: true }, // those of clients that are older than version 1.5: without `gsdk.`
};

function loadService(style, file, name) {
  const { options, oldPaths } = STYLES[style];
  const methods = loader.loadSync(file, { includeDirs: [PROTO], ...options })[name];
  if (oldPaths) {
    for (const method of Object.values(methods)) method.path = method.path.replace('/gsdk.', '/');
  }
  return methods;
}

const makeStub = (methods, address, credentials) => new (grpc.makeGenericClientConstructor(methods))(address, credentials);

const SERVICES = {
  admin: 'Admin', card: 'Card', connect: 'Connect', device: 'Device', event: 'Event', face: 'Face', finger: 'Finger',
  thermal: 'Thermal', tna: 'TNA', user: 'User',
};

class Client {
  constructor(site, style) {
    const tls = grpc.credentials.createSsl(fs.readFileSync(site.ca));
    for (const [file, name] of Object.entries(SERVICES)) {
      this[file] = makeStub(loadService(style, `gsdk/${file}.proto`, `gsdk.${file}.${name}`), site.gateway, tls);
    }
  }

  close() {
    for (const file of Object.keys(SERVICES)) this[file].close();
  }

  call(service, method, request) {
    return unary(this[service], method, request);
  }

  // The device ID of the terminal at this address, once the session is up.
  async open(host, port) {
    return (await this.call('connect', 'Connect', { connectInfo: { IPAddr: host, port } })).deviceID;
  }

  async devices() {
    return (await this.call('connect', 'GetDeviceList', {})).deviceInfos;
  }

  async getLog(deviceID, startEventID, maxNumOfLog) {
    return (await this.call('event', 'GetLog', { deviceID, startEventID, maxNumOfLog })).events;
  }

  async live(onEvent, request = { queueSize: 16 }) {
    return stream(this.event.SubscribeRealtimeLog(request), onEvent);
  }

  async statuses(onChange) {
    return stream(this.connect.SubscribeStatus({ queueSize: 16 }), onChange);
  }
}

// The reply of one call.
function unary(stub, method, request) {
  return new Promise((done, fail) => stub[method](request, (error, reply) => (error ? fail(error) : done(reply))));
}

// Ready once the headers are there. `cancel` gives the code with which the stream ended.
async function stream(call, onMessage) {
  const ended = new Promise((done) => call.on('error', done));
  await new Promise((done) => call.on('metadata', done).on('data', onMessage));
  return { cancel: async () => { call.cancel(); return (await ended).code; } };
}

const WIRE = protobuf.parse(`syntax = "proto3";
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message ErrorResponse { uint32 deviceID = 1; int32 code = 2; string msg = 3; }
  message MultiErrorResponse { repeated ErrorResponse deviceErrors = 1; }`, { keepCase: true }).root;

// Device ID -> code, from the trailer of a Multi call that failed.
function multiErrors(error) {
  const status = WIRE.lookupType('Status').decode(error.metadata.get('grpc-status-details-bin')[0]);
  const [detail] = status.details;
  if (status.details.length !== 1 || !detail.type_url.endsWith('/gsdk.err.MultiErrorResponse')) {
    throw new Error(`not one MultiErrorResponse but ${status.details.map((d) => d.type_url)}`);
  }
  const { deviceErrors } = WIRE.lookupType('MultiErrorResponse').decode(detail.value);
  return new Map(deviceErrors.map((e) => [e.deviceID, e.code]));
}

module.exports = { Client, grpc, loadService, makeStub, multiErrors, unary };
