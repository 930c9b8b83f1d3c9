/** Files that Workers import as modules. */
declare module '*.wasm' {
  const module: WebAssembly.Module;
  export default module;
}
declare module '*.bin' {
  const data: ArrayBuffer;
  export default data;
}
declare module '*.txt' {
  const text: string | ArrayBuffer;
  export default text;
}
