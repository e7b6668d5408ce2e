// The terminals that a sequence runs against, and what is waited for. Every wait has a limit.
const assert = require('assert/strict');
const { grpc, loadService, makeStub, unary } = require('./client');

const WAIT_MS = 30_000;
const EVERY_MS = 20;
const DOOR_OPENED = 0x5200;

// The first true value of condition().
async function until(condition, what) {
  const end = Date.now() + WAIT_MS;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not within ${WAIT_MS} ms: ${what}`);
    await new Promise((done) => setTimeout(done, EVERY_MS));
  }
}

// The error of a call that must not succeed.
async function refused(promise) {
  let reply;
  try {
    reply = await promise;
  } catch (error) {
    return error;
  }
  return assert.fail(`the call succeeded with ${JSON.stringify(reply)}`);
}

// Has of `site`: gateway and ca; hosts, port and devices (IDs) of the terminals, of which the last may be told to call the
// gateway; history, with how many records each log began; person, whose ID and the next one nobody has.
class Terminals {
  constructor(site) {
    Object.assign(this, site);
    this._simulator = makeStub(loadService('plain', 'simulator/v1/control.proto', 'gatelog.simulator.v1.Control'),
      site.control, grpc.credentials.createInsecure());
    this._encode = loadService('plain', 'gsdk/event.proto', 'gsdk.event.Event').SubscribeRealtimeLog.responseSerialize;
  }

  close() {
    this._simulator.close();
  }

  // Writes an event into a terminal's log; its ID.
  async inject(device_id, event) {
    return (await unary(this._simulator, 'InjectEvent', { device_id, event: this._encode(event) })).id;
  }

  door(device) {
    return this.inject(device, { eventCode: DOOR_OPENED, entityID: 1 });
  }

  async disconnect(device_id) {
    await unary(this._simulator, 'Disconnect', { device_id });
  }

  // The newest ID in a terminal's log.
  async lastId(device) {
    const { terminals } = await unary(this._simulator, 'ListTerminals', {});
    return terminals.find((t) => t.device_id === device).last_id;
  }
}

module.exports = { DOOR_OPENED, Terminals, refused, until };
