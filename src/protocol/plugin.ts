/** Services of a user's own, as they are found in `SERVICES_DIR`. */

/** A file of the folder: its name, the SHA-256 of its text, and what it exports. */
export type Module = { file: string; sha256: string; exports: Readonly<Record<string, unknown>> }

/** One line that names the file and what is wrong with it. */
export class PluginError extends Error {}
