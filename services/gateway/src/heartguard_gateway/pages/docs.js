// The API reference at /docs: Scalar with the OpenAPI document of this server, and nothing from elsewhere.
Scalar.createApiReference("#reference", {
  url: "/openapi.json",
  theme: "default",
  withDefaultFonts: false,
  telemetry: false,
  agent: { disabled: true },
  mcp: { disabled: true },
  showDeveloperTools: "never",
  hideClientButton: true,
  documentDownloadType: "json",
  defaultHttpClient: { targetKey: "shell", clientKey: "curl" },
  hiddenClients: {
    c: true, clojure: true, csharp: true, dart: true, fsharp: true, go: true, http: true, java: true, kotlin: true,
    node: true, objc: true, ocaml: true, php: true, powershell: true, r: true, ruby: true, rust: true, swift: true,
    shell: ["httpie", "wget"], js: ["axios", "jquery", "ofetch", "xhr"], python: ["httpx_async", "httpx_sync", "python3", "aiohttp"],
  },
  metaData: { title: "HeartGuard API" },
});
