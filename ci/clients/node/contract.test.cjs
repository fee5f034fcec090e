// The Node client (npm: toxiproxy-node-client) against our server: whatever it can do, and that it
// works. TOXIPROXY_URL says where the server is.
"use strict";

const assert = require("node:assert/strict");
const net = require("node:net");
const { after, before, beforeEach, test } = require("node:test");
const { Toxiproxy } = require("toxiproxy-node-client");

const server = new Toxiproxy(process.env.TOXIPROXY_URL);
let callee;
let upstream;

before(async () => {
    callee = net.createServer((stream) => {
        stream.on("error", () => {});
        stream.pipe(stream);
    });
    await new Promise((done) => callee.listen(0, "127.0.0.1", done));
    upstream = `127.0.0.1:${callee.address().port}`;
});

async function removeAll() {
    for (const proxy of Object.values(await server.getAll())) {
        await proxy.remove();
    }
}

beforeEach(removeAll);
after(async () => {
    await removeAll();
    callee.close();
});

function create(more) {
    return server.createProxy({ name: "p", listen: "localhost:0", upstream, ...more });
}

// Asks through a proxy; gives the milliseconds that it took.
function ping(listen) {
    const [host, port] = listen.split(":");
    const began = performance.now();
    return new Promise((resolve, reject) => {
        const stream = net.connect(Number(port), host, () => stream.write("ping"));
        stream.setTimeout(20_000, () => stream.destroy(new Error("too late")));
        stream.on("data", () => {
            stream.destroy();
            resolve(performance.now() - began);
        });
        stream.on("end", () => reject(new Error("closed")));
        stream.on("error", reject);
    });
}

test("it has a version", async () => {
    assert.match(await server.getVersion(), /"version": "2\.12/);
});

test("a proxy is created, found and removed", async () => {
    const proxy = await create();
    assert.equal(proxy.name, "p");
    assert.equal(proxy.upstream, upstream);
    assert.equal(proxy.enabled, true);
    assert.match(proxy.listen, /^127\.0\.0\.1:[1-9]/);
    await ping(proxy.listen);
    assert.equal((await server.get("p")).listen, proxy.listen);
    await proxy.remove();
    assert.deepEqual(await server.getAll(), {});
    await assert.rejects(ping(proxy.listen), { code: "ECONNREFUSED" });
    await assert.rejects(server.get("p"), { message: "Request failed with status code 404" });
});

test("a name is taken once", async () => {
    await create();
    await assert.rejects(create(), { message: "Request failed with status code 409" });
});

test("a proxy is updated", async () => {
    const proxy = await create();
    const { listen } = proxy;
    const disabled = await proxy.update({ enabled: false, listen, upstream });
    assert.equal(disabled.enabled, false);
    await assert.rejects(ping(listen), { code: "ECONNREFUSED" });
    const moved = await proxy.update({ enabled: true, listen, upstream: "somehost:12345" });
    assert.equal(moved.enabled, true);
    assert.equal(moved.upstream, "somehost:12345");
    await proxy.update({ enabled: true, listen, upstream });
    await ping(listen);
});

test("toxics are created, read, updated and removed", async () => {
    const proxy = await create();
    const toxic = await proxy.addToxic({ type: "latency", attributes: { latency: 300, jitter: 0 } });
    assert.equal(toxic.name, "latency_downstream");
    assert.equal(toxic.stream, "downstream");
    assert.equal(toxic.toxicity, 1);
    assert.deepEqual(toxic.attributes, { latency: 300, jitter: 0 });
    assert.ok((await ping(proxy.listen)) >= 300);
    assert.equal((await proxy.getToxic(toxic.name)).attributes.latency, 300);
    const updated = await toxic.update({ attributes: { latency: 12345, jitter: 42 } });
    assert.deepEqual(updated.attributes, { latency: 12345, jitter: 42 });
    await toxic.remove();
    await assert.rejects(proxy.getToxic(toxic.name), { message: "Request failed with status code 404" });
    await ping(proxy.listen);
});

test("every type of toxic", async () => {
    const proxy = await create();
    const types = {
        bandwidth: { rate: 1000 },
        latency: { latency: 1000, jitter: 100 },
        limit_data: { bytes: 42 },
        noop: {},
        packet_loss: { loss_rate: 0.5, correlation: 0 },
        reset_peer: { timeout: 1000 },
        slicer: { average_size: 1000, size_variation: 1000, delay: 1000 },
        slow_close: { delay: 1000 },
        timeout: { timeout: 5000 },
    };
    for (const [type, attributes] of Object.entries(types)) {
        const toxic = await proxy.addToxic({ type, attributes });
        assert.deepEqual(toxic.attributes, attributes, type);
        await assert.rejects(proxy.addToxic({ type, attributes }), {
            message: "Request failed with status code 409",
        });
    }
});

test("populate", async () => {
    const bodies = [
        { name: "a", listen: "localhost:0", upstream },
        { name: "b", listen: "localhost:0", upstream },
    ];
    const proxies = await server.populate(bodies);
    assert.deepEqual(Object.keys(proxies).sort(), ["a", "b"]);
    await ping(proxies.a.listen);
    assert.equal(Object.keys(await server.getAll()).length, 2);
});

test("reset", async () => {
    const proxy = await create();
    await proxy.addToxic({ type: "timeout", attributes: { timeout: 0 } });
    await server.reset();
    await ping(proxy.listen);
});

test("a reset is a reset", async () => {
    const proxy = await create();
    await proxy.addToxic({ type: "reset_peer", attributes: { timeout: 0 } });
    await assert.rejects(ping(proxy.listen), { code: "ECONNRESET" });
});

test("what Toxiproxy does not have: conditions beside the attributes", async () => {
    const proxy = await create();
    await proxy.addToxic({ type: "limit_data", attributes: { bytes: 0 }, times: { first: 1 } });
    await assert.rejects(ping(proxy.listen), { message: "closed" });
    await ping(proxy.listen);
});
