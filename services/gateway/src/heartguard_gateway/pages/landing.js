// Shows this server's address in the example, and how each service is (/health) in the words of the page.
document.getElementById("origin").textContent = location.origin;
const list = document.getElementById("status");
const words = list.dataset;

function line(name, status) {
  const item = document.createElement("li");
  const label = document.createElement("span");
  const state = document.createElement("span");
  label.textContent = name;
  state.textContent = words[status] ?? words.unknown;
  state.className = status;
  item.append(label, state);
  return item;
}

async function show() {
  const lines = [];
  try {
    const response = await fetch("/health", { headers: { Accept: "application/json" } });
    const health = await response.json();
    lines.push(line(words.all, health.status), ...health.checks.map((check) => line(check.name, check.status)));
  } catch {
    lines.push(line(words.all, "fail"));
  }
  list.replaceChildren(...lines);
}

show();
