// Unpacks the lesson that stands packed in the page, and lets the link open it.
(async () => {
  const packed = Uint8Array.from(atob(document.getElementById("lesson-file").textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const page = new Blob([await new Response(stream).blob()], { type: "text/html" });
  document.getElementById("lesson").href = URL.createObjectURL(page);
})();
