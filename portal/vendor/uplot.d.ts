// As preact.d.ts; the package's own types are for its other builds.
declare const uPlot: any;
export default uPlot;
