// What the browser has to do itself: the title of the tab, and how the table writes, sorts and marks a cell.

window.dash_clientside = window.dash_clientside || {};
window.dash_clientside.callcenter = {
  setTitle: function (title) {
    if (title) document.title = title;
    return window.dash_clientside.no_update;
  },
  // The page shown is marked in the menu.
  markPage: function (path) {
    document.querySelectorAll("#menu a").forEach(function (link) {
      var here = link.getAttribute("href") === path;
      link.classList.toggle("here", here);
      if (here) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
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
        window.history.pushState({}, "", href);
        window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
        window.scrollTo(0, 0);
      },
    },
    text
  );
};
