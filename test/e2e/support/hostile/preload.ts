/**
 * Imported by the launcher of a hostile cluster before anything else: its processes are then started by way of a shell
 * script, which may hold them back or put another program in front (control.ts).
 */
const script = process.env.COMPASSO_TEST_SCRIPT
if (script !== undefined) process.execPath = script
