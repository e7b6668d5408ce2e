// Reads a terminal's log and prints live events in words.
//   npm install @grpc/grpc-js @grpc/proto-loader
//   gatelog code list -o json > event_code.json
//   node follow.js localhost:4000 ca.crt event_code.json 127.0.0.1 51211
const fs = require('fs');
const path = require('path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [gateway, ca, codes, host, port] = process.argv.slice(2);
const words = new Map(JSON.parse(fs.readFileSync(codes)).entries.map((e) => [`${e.event_code}/${e.sub_code}`, e.desc]));
const includeDirs = [path.join(__dirname, '../../proto')];
const load = (file) => grpc.loadPackageDefinition(loader.loadSync(file, { includeDirs, keepCase: true, defaults: true }));
const tls = grpc.credentials.createSsl(fs.readFileSync(ca));
const connect = new (load('gsdk/connect.proto').gsdk.connect.Connect)(gateway, tls);
const events = new (load('gsdk/event.proto').gsdk.event.Event)(gateway, tls);
const call = (client, method, request) =>
  new Promise((done, fail) => client[method](request, (error, reply) => (error ? fail(error) : done(reply))));

const show = (e) =>
  console.log(e.deviceID, e.ID, e.timestamp, e.userID || e.entityID || '-', words.get(`${e.eventCode}/${e.subCode}`) ?? `${e.eventCode}/${e.subCode}`);

async function main() {
  const { deviceID } = await call(connect, 'Connect', { connectInfo: { IPAddr: host, port: Number(port) } });
  await call(events, 'EnableMonitoring', { deviceID });
  const early = [];
  const live = events.SubscribeRealtimeLog({ queueSize: 1024, deviceIDs: [deviceID] });
  live.on('data', (e) => early.push(e)).on('error', (error) => { console.error(error.message); process.exit(1); });
  await new Promise((done) => live.once('metadata', done)); // in force before the log is read: nothing falls between the two
  let last = 0;
  for (;;) {
    const page = await call(events, 'GetLog', { deviceID, startEventID: last + 1, maxNumOfLog: 16384 });
    if (page.events.length === 0) break;
    page.events.forEach(show);
    last = page.events.at(-1).ID;
  }
  const showNew = (e) => e.ID > last && show(e);
  early.forEach(showNew);
  live.removeAllListeners('data').on('data', showNew);
}
main().catch((error) => { console.error(error.message); process.exit(1); });
