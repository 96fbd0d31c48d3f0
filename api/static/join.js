"use strict";
// The link's secret stands behind the # of the address, where no server, proxy or log sees it. It goes into the form
// and out of the address, so that it does not stay in the browser's history either.
const link = document.getElementById("link");
if (location.hash.length > 1) {
  link.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
}
if (link.value) {
  link.type = "hidden";
  link.parentElement.replaceWith(link);
}
