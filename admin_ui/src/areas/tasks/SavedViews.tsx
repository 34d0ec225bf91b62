/** Views that were kept under a name: one's own, and those that others share. */
import { ActionIcon } from "@mantine/core";
import { IconBookmark } from "@tabler/icons-react";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { Later } from "@/ui/Later";
import type { View } from "./view";

const SaveView = lazy(async () => ({ default: (await import("./SaveView")).SaveView }));

export function SavedViews({ view, change }: { view: View; change: (changes: Partial<View>) => void }) {
  const { t } = useTranslation();
  const [naming, setNaming] = useState(false);
  return (
    <>
      <Later load={() => import("./ViewsMenu")} given={{ change, save: () => setNaming(true) }}>
        <ActionIcon variant="subtle" color="gray" aria-label={t("views.title")} title={t("views.title")}>
          <IconBookmark size={17} />
        </ActionIcon>
      </Later>
      <Suspense>{naming && <SaveView view={view} close={() => setNaming(false)} />}</Suspense>
    </>
  );
}
