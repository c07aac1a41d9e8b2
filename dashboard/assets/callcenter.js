// What the browser has to do itself: the title of the tab, and how the table writes, sorts and marks a cell.

window.dash_clientside = window.dash_clientside || {};
window.dash_clientside.callcenter = {
  setTitle: function (title) {
    if (title) document.title = title;
    return window.dash_clientside.no_update;
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
