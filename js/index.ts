/** Types of the main entry; every runtime's file has these exports. */
export * from './browser.js';
