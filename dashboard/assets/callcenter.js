// What the browser has to do itself: the title of the tab, and how the table writes, sorts and marks a cell.

// The session may end while a page is open: what the server then refuses is told, and the page stays as it is. A refusal
// that bears its own words for the page (a file that is not accepted) is shown like any other answer.
(function () {
  var ask = window.fetch;
  window.fetch = function () {
    return ask.apply(this, arguments).then(function (answer) {
      var told = { 401: "Su sesión terminó", 403: "Su cuenta no tiene permiso para esto",
        413: "El archivo es demasiado grande", 429: "Demasiados pedidos seguidos",
        503: "El sistema está ocupado", 507: "El disco del servidor está lleno: avise a quien lo administra" };
      if (answer.headers.get("X-Said")) return new Response(answer.body, { status: 200, headers: answer.headers });
      if (told[answer.status] && answer.url.indexOf("/_dash-update-component") > 0) tellRefusal(answer.status, told[answer.status]);
      return answer;
    });
  };
  function tellRefusal(code, says) {
    var place = document.getElementById("refusal");
    if (!place) return;
    place.textContent = says + ". ";
    if (code === 401) {
      var link = document.createElement("a");
      link.href = "/login?next=" + encodeURIComponent(window.location.pathname + window.location.search);
      link.textContent = "Ingresar de nuevo";
      place.appendChild(link);
    } else if (code === 429 || code === 503) {
      place.appendChild(document.createTextNode("Espere un minuto y vuelva a probar."));
    }
    place.hidden = false;
  }
})();

// Plotly comes with the first chart of a page; a page without one fetches it when it is needed.
function withPlotly(then) {
  if (window.Plotly) return then(window.Plotly);
  var script = document.createElement("script");
  script.src = "/_dash-component-suites/plotly/package_data/plotly.min.js";
  script.onload = function () { then(window.Plotly); };
  document.head.appendChild(script);
}

window.dash_clientside = window.dash_clientside || {};
window.dash_clientside.callcenter = {
  setTitle: function (title) {
    if (title) document.title = title;
    return window.dash_clientside.no_update;
  },
  // The page shown is marked in the menu, whose visible part on a telephone is not all of it.
  markPage: function (path) {
    document.querySelectorAll("#menu a").forEach(function (link) {
      var here = link.getAttribute("href") === path;
      link.classList.toggle("here", here);
      if (here) {
        link.setAttribute("aria-current", "page");
        link.scrollIntoView({ block: "nearest", inline: "center" });
      } else link.removeAttribute("aria-current");
    });
    return window.dash_clientside.no_update;
  },
  // Figures bear their colours: "light" or "dark", now and whenever it changes.
  watchScheme: function () {
    var root = document.documentElement;
    function scheme() {
      return root.getAttribute("data-mantine-color-scheme") === "dark" ? "dark" : "light";
    }
    if (!window.callcenterWatches) {
      window.callcenterWatches = new MutationObserver(function () {
        window.dash_clientside.set_props("scheme", { data: scheme() });
      });
      window.callcenterWatches.observe(root, { attributes: true, attributeFilter: ["data-mantine-color-scheme"] });
    }
    return scheme();
  },
  // Where few columns fit, a line's figure and verdict stand before its name; the table tells that its rows are there.
  orderLines: function () {
    var place = window.dash_clientside.callback_context.triggered[0].prop_id.split(".")[0];
    window.dash_ag_grid.getApiAsync(place).then(function (api) {
      if (document.documentElement.clientWidth <= 720) api.moveColumns(["service_level", "verdict"], 1);
    });
  },
  // A file that this tab waited for. A link that downloads: a refusal does not take the place of the page.
  fetchFile: function (number) {
    if (!number) return;
    var link = document.createElement("a");
    link.href = "/archivos/" + number;
    link.download = "";
    document.body.appendChild(link);
    link.click();
    link.remove();
  },
  // A chart as a picture: what the page shows of it, under its heading, with what the tab is called and the chart's unit.
  savePicture: function (clicks, drawn) {
    var context = window.dash_clientside.callback_context;
    var pressed = context.triggered_id;
    if (!pressed || !context.triggered[0].value) return;
    var chart = document.querySelector("#" + pressed.picture + " .js-plotly-plot");
    var held = context.states_list[0].findIndex(function (state) { return state.id.drawn === pressed.picture; });
    var figure = chart || drawn[held];
    var panel = (chart || document.querySelector("." + pressed.picture)).closest(".panel");
    var said = panel.querySelector("p.quiet");
    var whole = panel.closest("[data-says]");
    var asked = whole && whole.dataset.says;
    var heading = panel.querySelector("h2").textContent;
    // A figure that the page does not draw itself has the light colours.
    var style = getComputedStyle(document.documentElement);
    function colour(name, light) { return chart ? style.getPropertyValue(name).trim() : light; }
    var title = {
      text: heading, x: 0, y: 0.97, xref: "paper", yref: "container", xanchor: "left", yanchor: "top",
      font: { size: 16, color: colour("--text", "#1d2126") },
      subtitle: {
        text: [document.title, asked, said && said.firstChild.textContent].filter(Boolean).join("<br>"),
        font: { size: 11, color: colour("--quiet", "#555d66") },
      },
    };
    var layout = Object.assign({}, figure.layout, {
      paper_bgcolor: colour("--surface", "#ffffff"), title: title,
      margin: Object.assign({}, figure.layout.margin, { t: 96 }),
    });
    withPlotly(function (Plotly) {
      Plotly.downloadImage(
        { data: figure.data, layout: layout },
        { format: "png", width: 1000, height: figure.layout.height + 116, scale: 2, filename: pressed.picture }
      );
    });
  },
};

window.dashAgGridFunctions = window.dashAgGridFunctions || {};

// Python writes every cell (reports/format.py); the field itself is the number to sort by.
window.dashAgGridFunctions.writtenValue = function (params) {
  return params.data[params.colDef.field + "_text"];
};

window.dashAgGridFunctions.blanksLast = function (a, b, nodeA, nodeB, descending) {
  var noA = a === null || a === undefined;
  var noB = b === null || b === undefined;
  if (noA || noB) return noA && noB ? 0 : noA === descending ? -1 : 1;
  return typeof a === "string" ? a.localeCompare(b, "es-BO") : a - b;
};

window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {};

window.dashAgGridComponentFunctions.Verdict = function (props) {
  var word = props.data.verdict_text;
  var reached = props.value;
  if (reached === null || reached === undefined) return word;
  return React.createElement(
    "span",
    { className: "status status-" + (reached ? "good" : "bad") },
    React.createElement("span", {
      className: "icon icon-" + (reached ? "circle-check" : "circle-x"),
      "aria-hidden": "true",
    }),
    word
  );
};

// What a row opens beside the list is where reading goes on: its title gets the focus, which the list loses when it is
// drawn anew.
function focusOpened() {
  var page = document.getElementById("page");
  function opened() { return page.querySelector(".events h2, .opened-account h2"); }
  var before = opened();
  var told = before && before.textContent;
  var watch = new MutationObserver(function () {
    var title = opened();
    if (!title || (title === before && title.textContent === told)) return;
    watch.disconnect();
    title.tabIndex = -1;
    title.focus();
  });
  watch.observe(page, { childList: true, subtree: true, characterData: true });
  setTimeout(function () { watch.disconnect(); }, 10000);
}

// A number that opens the calls it counts; the page changes without being loaded anew.
window.dashAgGridComponentFunctions.CallsLink = function (props) {
  var text = props.data[props.colDef.field + "_text"];
  var href = props.data[props.colDef.field + "_href"];
  if (!href || !props.value) return text;
  return React.createElement(
    "a",
    {
      href: href,
      onClick: function (event) {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        focusOpened();
        window.history.pushState({}, "", href);
        window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
        window.scrollTo(0, 0);
      },
    },
    text
  );
};

// A cell that opens something: pressed, or Intro while it has the focus.
window.dashAgGridComponentFunctions.CellButton = function (props) {
  var text = props.data[props.colDef.field + "_text"];
  if (!props.data[props.colDef.field + "_opens"]) return text;
  return React.createElement(
    "button",
    { type: "button", className: "cell-button", tabIndex: -1, onClick: function () { props.setData(props.data.load); } },
    text
  );
};

window.dashAgGridFunctions.pressInside = function (params) {
  var button = params.event.key === "Enter" && params.event.target.querySelector && params.event.target.querySelector("button");
  if (!button) return false;
  button.click();
  return true;
};

// A file above the limit is told here: the part that takes files passes over it in silence, and a server would be sent it
// for nothing.
(function () {
  function judge(files) {
    var most = 20 * 1024 * 1024;
    var says = null;
    if (files.length > 1) says = "Los archivos se envían de a uno: se tomó solo el primero.";
    if (files.length && files[0].size > most)
      says = "«" + files[0].name + "» pesa " + Math.ceil(files[0].size / 1024 / 1024) + " MB y el máximo es 20 MB: " +
        "comprímalo (gz), pártalo, o déjelo en la carpeta de entrada del servidor.";
    if (!files.length) return;
    // What was said of another file.
    ["uploads-answer", "loads-said"].forEach(function (place) {
      window.dash_clientside.set_props(place, { children: null });
    });
    window.dash_clientside.set_props("upload-refused", { children: says });
  }
  document.addEventListener("change", function (event) {
    if (event.target.type === "file" && event.target.closest("#upload-file")) judge(event.target.files);
  }, true);
  document.addEventListener("drop", function (event) {
    if (event.target.closest && event.target.closest("#upload-file")) judge(event.dataTransfer.files);
  }, true);
})();
