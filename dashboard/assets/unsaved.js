// What is typed and not saved: leaving it is asked about, whether by a link, by "Actualizar" or by closing the tab.
(function () {
  var unsaved = {};

  // What a part's fields hold against what was drawn in them, or saved.
  window.dash_clientside.callcenter.markUnsaved = function (drawn) {
    if (!drawn) return;
    var fields = window.dash_clientside.callback_context.inputs_list[1];
    unsaved[drawn.what] = fields.some(function (field) {
      return (field.value || "") !== (drawn.typed[field.id[drawn.what] + " " + field.id.field] || "");
    });
  };

  function isUnsaved() {
    return Object.keys(unsaved).some(function (what) {
      return unsaved[what] && document.getElementById("setup-save-" + what);
    });
  }

  window.addEventListener("beforeunload", function (event) {
    if (isUnsaved()) event.preventDefault();
  });

  // Before the page sees the click.
  document.addEventListener("click", function (event) {
    var leaves = event.target.closest && event.target.closest("a[href^='/'], #setup-again");
    if (!leaves || event.ctrlKey || event.metaKey || event.shiftKey || !isUnsaved()) return;
    if (window.confirm("Hay cambios sin guardar en esta página. ¿Salir y perderlos?")) {
      unsaved = {};
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
})();
