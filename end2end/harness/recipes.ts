// Recipes for the tests: as small as a study can be that still does everything.

/** Three prompts, one short completion each, a handful of training pairs of our own. Well under a minute. */
export interface TinyStudy {
  name: string;
  prompts: number;
  ranks: number[];
  maxNewTokens: number;
  maxSteps: number;
}

export const tiny: TinyStudy = { name: "A tiny study", prompts: 6, ranks: [2], maxNewTokens: 6, maxSteps: 2 };
