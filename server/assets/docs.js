// Shows /openapi.json to people. Everything from it goes in as text, never as markup.
"use strict";

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function typeOf(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  for (const key of ["oneOf", "anyOf", "allOf"]) if (schema[key]) return schema[key].map(typeOf).join(" | ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const type = [].concat(schema.type ?? "any").join(" | ");
  return schema.type === "array" ? `${typeOf(schema.items)}[]` : type;
}

function fields(schema) {
  const table = element("table", {});
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const required = (schema.required ?? []).includes(name);
    table.append(element("tr", {}, element("td", {}, element("code", {}, name + (required ? "" : "?"))),
      element("td", {}, typeOf(field)), element("td", {}, field.description ?? "")));
  }
  return table;
}

function operation(path, method, about) {
  const parts = [element("p", {}, about.description ?? about.summary ?? "")];
  if (about.summary && about.description) parts.unshift(element("p", {}, about.summary));
  for (const body of Object.values(about.requestBody?.content ?? {})) {
    parts.push(element("p", {}, `Body: ${typeOf(body.schema)}`));
  }
  for (const [status, response] of Object.entries(about.responses ?? {})) {
    const kinds = Object.values(response.content ?? {}).map((content) => typeOf(content.schema)).join(", ");
    parts.push(element("p", {}, `${status}: ${kinds || response.description}`));
  }
  return element("details", { class: "operation" },
    element("summary", {}, element("span", { class: "method" }, method.toUpperCase()), element("code", {}, path)), ...parts);
}

async function show() {
  const place = document.getElementById("api");
  const answer = await fetch("/openapi.json");
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const api = await answer.json();
  place.replaceChildren();
  for (const line of (api.info.description ?? "").split("\n\n")) place.append(element("p", {}, line));
  place.append(element("h2", {}, "Calls"));
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, about] of Object.entries(methods)) place.append(operation(path, method, about));
  }
  place.append(element("h2", {}, "Types"));
  for (const [name, schema] of Object.entries(api.components.schemas)) {
    const about = schema.properties ? fields(schema) : element("p", {}, typeOf(schema));
    place.append(element("details", { class: "operation" }, element("summary", {}, element("code", {}, name)),
      element("p", {}, schema.description ?? ""), about));
  }
}

show().catch((error) => {
  document.getElementById("api").textContent = `The description can't be read: ${error.message}`;
});
