// What the documents' examples use of node-fetch 2, over Node's own fetch; for machines where
// the package itself cannot be installed.
module.exports = async function fetch(url, { timeout, ...options } = {}) {
  void timeout; // node-fetch 2 takes 0 for "wait forever", which is what Node's fetch does
  const response = await globalThis.fetch(url, options);
  response.buffer = async () => Buffer.from(await response.arrayBuffer());
  return response;
};
