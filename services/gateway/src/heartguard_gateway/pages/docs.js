// The API reference at /docs: Scalar with the OpenAPI document of this server, and nothing from elsewhere.
const TEXTS = "x-serializedExamples";

/** Put examples in XML, which OpenAPI 3.1 has no member for, where Scalar looks for examples. */
function showTexts(api) {
  const texts = api.components[TEXTS] ?? {};
  const operations = Object.values(api.paths).flatMap((methods) => Object.values(methods));
  const holders = operations.flatMap((it) => [it.requestBody ?? {}, ...Object.values(it.responses)]);
  for (const holder of [...holders, ...Object.values(api.components.responses)]) {
    for (const media of Object.values(holder.content ?? {})) {
      const shown = Object.entries(media[TEXTS] ?? {}).map(([name, { $ref }]) => {
        const { summary, serializedValue } = texts[$ref.split("/").pop()];
        return [name, { summary, value: serializedValue }];
      });
      if (shown.length) media.examples = Object.fromEntries(shown);
      delete media[TEXTS];
    }
  }
  delete api.components[TEXTS];
  return api;
}

const OPTIONS = {
  theme: "default",
  withDefaultFonts: false,
  telemetry: false,
  agent: { disabled: true },
  mcp: { disabled: true },
  showDeveloperTools: "never",
  hideClientButton: true,
  documentDownloadType: "json",
  defaultHttpClient: { targetKey: "shell", clientKey: "curl" },
  featuredClients: ["shell/curl", "python/requests", "js/fetch"],
  hiddenClients: {
    c: true, clojure: true, csharp: true, dart: true, fsharp: true, go: true, http: true, java: true, kotlin: true,
    node: true, objc: true, ocaml: true, php: true, powershell: true, r: true, ruby: true, rust: true, swift: true,
    shell: ["httpie", "wget"], js: ["axios", "jquery", "ofetch", "xhr"], python: ["httpx_async", "httpx_sync", "python3", "aiohttp"],
  },
  metaData: { title: "HeartGuard API" },
};

fetch("/openapi.json")
  .then((answer) => answer.json())
  .then((api) => ({ content: showTexts(api) }))
  .catch(() => ({ url: "/openapi.json" })) // Scalar says what is wrong
  .then((source) => Scalar.createApiReference("#reference", { ...source, ...OPTIONS }));
