// As preact.d.ts.
export const useState: any, useEffect: any, useLayoutEffect: any, useRef: any, useMemo: any, useCallback: any, useId: any, useErrorBoundary: any;
