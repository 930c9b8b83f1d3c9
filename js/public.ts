/** What every entry exports besides its functions. */
export { RouterError, type ErrorCode } from './errors.js';
export type * from './types.js';
