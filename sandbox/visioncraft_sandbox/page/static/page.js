// What HTML cannot do: copying, local times, and the state of the connection.
(function () {
  "use strict";

  const MOST = 200;

  function localTimes(root) {
    root.querySelectorAll("time[datetime]").forEach(function (time) {
      const moment = new Date(time.dateTime);
      const today = moment.toDateString() === new Date().toDateString();
      time.textContent = today ? moment.toLocaleTimeString() : moment.toLocaleString();
      time.title = moment.toLocaleString();
    });
  }

  function connection(state, text) {
    const dot = document.getElementById("connection");
    const words = document.getElementById("connection-text");
    if (dot && dot.dataset.state !== state) {
      dot.dataset.state = state;
      words.textContent = text;
    }
  }

  // The clipboard is only there under https and localhost; elsewhere the text is selected.
  function copy(button) {
    const source = document.getElementById(button.dataset.copy);
    const said = function (word) {
      button.firstChild.data = word;
      setTimeout(function () { button.firstChild.data = "Copy"; }, 1600);
    };
    if (navigator.clipboard) {
      navigator.clipboard.writeText(source.textContent).then(
        function () { said("Copied"); }, function () { said("Not allowed"); });
    } else {
      getSelection().selectAllChildren(source);
      said("Selected");
    }
  }

  document.addEventListener("click", function (event) {
    const button = event.target.closest("[data-copy]");
    if (button) { copy(button); }
  });

  document.addEventListener("htmx:load", function (event) { localTimes(event.target); });
  document.addEventListener("htmx:sseOpen", function () { connection("live", "live"); });
  document.addEventListener("htmx:sseError", function () {
    connection("lost", "not connected; trying again");
  });
  document.addEventListener("htmx:sseMessage", function () {
    document.querySelectorAll(".entries > li:nth-child(n+" + (MOST + 1) + ")")
      .forEach(function (item) { item.remove(); });
  });
  document.addEventListener("htmx:beforeRequest", function (event) {
    if (event.target.id === "form") {
      document.getElementById("result").textContent = "Sent. Waiting for the answer.";
    }
  });
  document.addEventListener("htmx:responseError", function (event) {
    document.getElementById("result").textContent =
      "The sandbox refused this (" + event.detail.xhr.status + "). Load the page again.";
  });
  // A form that could not be sent at all.
  document.addEventListener("htmx:sendError", function () {
    document.getElementById("result").textContent = "The sandbox could not be reached.";
  });

  if (matchMedia("(max-width: 60rem)").matches) {
    document.querySelectorAll("[data-fold]").forEach(function (fold) { fold.open = false; });
  }
  localTimes(document);
})();
