// Sends messages to the echo; returns the extensions of the connection, and which came back as
// they were.
(async () => {
  const ws = new WebSocket(`${location.origin.replace('http', 'ws')}/echo`);
  ws.binaryType = 'arraybuffer';
  const next = (event) => new Promise((resolve, reject) => {
    ws[`on${event}`] = resolve;
    ws.onclose = ({ code }) => reject(new Error(`closed: ${code}`));
  });
  await next('open');
  const echo = async (message) => {
    const answer = next('message');
    ws.send(message);
    return (await answer).data;
  };

  const textComesBack = async (text) => await echo(text) === text;
  const bytesComeBack = async (bytes) => {
    const answer = await echo(bytes.buffer);
    return answer instanceof ArrayBuffer && answer.byteLength === bytes.length
      && new Uint8Array(answer).every((byte, i) => byte === bytes[i]);
  };
  return {
    extensions: ws.extensions,
    'short text': await textComesBack('aé€😀'),
    'large text': await textComesBack('aé€😀 '.repeat(20_000)),
    'empty text': await textComesBack(''),
    'bytes': await bytesComeBack(Uint8Array.from({ length: 256 }, (_, i) => i)),
    'random bytes': await bytesComeBack(crypto.getRandomValues(new Uint8Array(65_536))),
  };
})()
