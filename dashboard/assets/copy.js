// A button that copies what stands beside it, for instance a password just given. Where the browser lets nobody copy
// (a page without TLS) it marks the text, to be copied by hand.
document.addEventListener("click", function (event) {
  var button = event.target.closest && event.target.closest("[data-copies]");
  if (!button) return;
  var place = button.parentElement.querySelector(button.dataset.copies);
  function mark() { window.getSelection().selectAllChildren(place); }
  if (!navigator.clipboard) return mark();
  navigator.clipboard.writeText(place.textContent).then(function () { button.textContent = "Copiada"; }, mark);
});
