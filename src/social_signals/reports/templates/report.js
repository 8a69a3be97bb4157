(function () {
  "use strict";
  var root = document.documentElement;
  var figures = JSON.parse(document.getElementById("figures").textContent);

  // A chart says var(--name); the style sheet knows what that is in light, dark and print.
  function coloured(value, style) {
    if (typeof value === "string") {
      return value.indexOf("var(--") === 0 ? style.getPropertyValue(value.slice(4, -1)).trim() : value;
    }
    if (Array.isArray(value)) {
      return value.map(function (v) { return coloured(v, style); });
    }
    if (value && typeof value === "object") {
      var copy = {};
      Object.keys(value).forEach(function (key) { copy[key] = coloured(value[key], style); });
      return copy;
    }
    return value;
  }

  function draw() {
    var style = getComputedStyle(root);
    Object.keys(figures).forEach(function (id) {
      var place = document.getElementById(id);
      var figure = coloured(figures[id], style);
      if (place.clientWidth < 480) {
        figure.layout.font.size = 12;
        figure.layout.xaxis.nticks = 5;
      }
      Plotly.react(place, figure.data, figure.layout, {
        displayModeBar: false, responsive: true, showTips: false, doubleClick: false, scrollZoom: false
      });
    });
  }

  draw();
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details.more").forEach(function (more) { more.open = true; });
    root.setAttribute("data-print", "");
    draw();
  });
  window.addEventListener("afterprint", function () { root.removeAttribute("data-print"); draw(); });
})();
