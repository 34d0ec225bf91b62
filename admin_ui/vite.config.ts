/** Builds the console for `/console/`; in development asks a running stack (PENSTOCK_PORT, else 8080) for the API. */
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { compression } from "vite-plugin-compression2";
import { defineConfig } from "vitest/config";

const api = `http://127.0.0.1:${process.env.PENSTOCK_PORT ?? 8080}`;

const source = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url));

export default defineConfig({
  base: "/console/",
  plugins: [react(), compression({ algorithms: ["gzip"], threshold: 1024 })],
  resolve: {
    alias: { "@": source("."), "@rjsf/validator-ajv8": source("./forms/noCompiler.ts") },
  },
  server: { proxy: { "/api": api, "/health": api } },
  build: { target: "es2022", sourcemap: false, chunkSizeWarningLimit: 1200 },
  test: { environment: "jsdom", setupFiles: ["./src/testing.ts"] },
});
