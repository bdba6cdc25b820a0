// As preact.d.ts.
declare const htm: any;
export default htm;
