"use strict";
// Goes on to the application once all frames have loaded, or after five seconds; the link goes there without this script.
let gone = false;
function go() {
  if (gone) return;
  gone = true;
  location.replace(document.getElementById("continue").href);
}
setTimeout(go, 5000);
// The window's event waits for every frame; what a frame does when it has loaded gets a moment.
addEventListener("load", () => setTimeout(go, 500));
