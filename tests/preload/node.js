/* node.js - a program for preload.sh: objects, buffers, workers, compression.
 *
 * SPDX-License-Identifier: MIT  */

'use strict';

const crypto = require('crypto');
const zlib = require('zlib');
const { Worker, isMainThread, parentPort, workerData } =
	require('worker_threads');

function digest(x) {
	return crypto.createHash('sha256').update(x).digest('hex').slice(0, 16);
}

function work(seed) {
	const m = new Map();
	let x = seed;

	for (let i = 0; i < 50000; i++) {
		x = (Math.imul(x, 1103515245) + 12345) >>> 0;
		m.set('k' + (x >>> 12), [i, x, 'v'.repeat(x >>> 26)]);
	}
	const text = JSON.stringify([...m].sort());
	const packed = zlib.deflateSync(Buffer.from(text));

	if (zlib.inflateSync(packed).toString() !== text)
		throw new Error('inflate');
	return digest(text);
}

async function main() {
	for (let round = 0; round < 3; round++) {
		const all = [1, 2, 3, 4].map((n) => new Promise((ok, bad) => {
			const w = new Worker(__filename, { workerData: n });

			w.on('message', ok);
			w.on('error', bad);
		}));

		console.log((await Promise.all(all)).join(' '));
	}
	const buffers = [];

	for (let i = 0; i < 3000; i++)
		buffers.push(Buffer.alloc(i * 7, i & 255));
	console.log(digest(Buffer.concat(buffers)));
	console.log(digest(crypto.pbkdf2Sync('a', 'b', 5000, 64, 'sha512')));
}

if (isMainThread)
	main();
else
	parentPort.postMessage(work(workerData));
