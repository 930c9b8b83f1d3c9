import * as thimble from '/inline.js';

window.thimble = thimble;
window.ready = true;
