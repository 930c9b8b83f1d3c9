/** Puts the package where the tests reach it. */
import * as thimble from '/browser.js';
import * as sw from '/sw.js';

window.thimble = thimble;
window.sw = sw;
window.ready = true;
